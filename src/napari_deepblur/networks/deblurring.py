"""The deblurring network: Douglas-Rachford iterations unrolled, with the blur operator inside.

    R(z)    = argmin_x 1/2 |A x - y|^2 + lambda/2 |x - z|^2
    x_0     = (A'A + lambda I)^-1 A'y
    repeat:   z_k = D_k(x_k, noise),   x_{k+1} = x_k - z_k + R(2 z_k - x_k),   D_k(x, noise) = x + DRUNet(x, noise)
    result    z_N, cropped to the image

Source: V. Debarnot and P. Weiss, "Deep-blur", Biological Imaging 4:e13 (2024), section 2.4. Everything lives on the
scene, which is larger than the image, so that nothing is assumed about what lies beyond the border.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_deepblur.networks.drunet import DRUNet
from napari_deepblur.operators import LinearOperator, resolvent


@dataclass(frozen=True)
class DeblurringConfig:
    """Architecture of a `DeblurringNetwork`.

    Attributes
    ----------
    channels, blocks
        Of each DRUNet.
    iterations
        Number N of unrolled iterations.
    shared
        Whether all iterations share one set of weights.
    regularization
        lambda of the data step.
    first_steps, steps
        Conjugate gradient steps of x_0 and of each later data step, which starts from the iterate before it.
    """

    channels: tuple[int, ...] = (32, 64, 128, 256)
    blocks: int = 4
    iterations: int = 4
    shared: bool = False
    regularization: float = 0.03
    first_steps: int = 6
    steps: int = 3


PAPER = DeblurringConfig()
"""The paper's size: four DRUNets of 8.16 million parameters."""

LIGHT = DeblurringConfig(channels=(16, 32, 64, 128), blocks=1, shared=True)
"""One small DRUNet for all iterations, for processors."""


class DeblurringNetwork(nn.Module):
    """Restore images with known operators and noise levels.

    Parameters
    ----------
    config
        The architecture.
    """

    def __init__(self, config: DeblurringConfig = PAPER) -> None:
        super().__init__()
        self.config = config
        sets = 1 if config.shared else config.iterations
        # Channels: the iterate, the shot and read noise levels, and how far the iteration has come.
        networks = [DRUNet(4, config.channels, config.blocks) for _ in range(sets)]
        with torch.no_grad():
            for network in networks:
                network.tail.weight.mul_(0.1)
        self.proximal = nn.ModuleList(networks)

    def forward(self, image: Tensor, operator: LinearOperator, noise: Tensor) -> Tensor:
        """Restore images.

        Parameters
        ----------
        image
            Observed images y in [0, 1], shape (B, 1, H, W).
        operator
            Their blur A.
        noise
            Noise parameters (alpha, beta), shape (B, 2).

        Returns
        -------
        Tensor
            Restored images on the same pixels, shape (B, 1, H, W), float32.
        """
        *_, scene = self.iterate(image, operator, noise)
        height, width = image.shape[-2:]
        top, left = ((a - b) // 2 for a, b in zip(operator.scene_shape, operator.image_shape, strict=True))
        return scene[..., top : top + height, left : left + width]

    def iterate(self, image: Tensor, operator: LinearOperator, noise: Tensor) -> Iterator[Tensor]:
        """Yield z_1, ..., z_N on the scene, shape (B, 1, H + k - 1, W + k - 1); arguments as in `forward`."""
        config = self.config
        # Centred, the unknown world beyond the border is zero on average, which is where conjugate gradient starts.
        centre = image.mean(dim=(-2, -1), keepdim=True)
        adjoint_image = operator.adjoint(
            image - operator.forward(centre.expand(*image.shape[:2], *operator.scene_shape))
        )
        x = resolvent(operator, adjoint_image, None, config.regularization, steps=config.first_steps).solution
        settled = x
        for k in range(config.iterations):
            proximal = self.proximal[0 if config.shared else k]
            # The networks predict what is wrong with their input: one that knows nothing changes nothing.
            z = x + centre + proximal(self._conditioned(x + centre, noise, k)).float()
            yield z
            if k + 1 < config.iterations:
                anchor = 2 * (z - centre) - x
                settled = resolvent(
                    operator, adjoint_image, anchor, config.regularization, start=settled, steps=config.steps
                ).solution
                x = x - (z - centre) + settled

    def _conditioned(self, x: Tensor, noise: Tensor, k: int) -> Tensor:
        shot = noise[:, :1].sqrt()[..., None, None].expand_as(x)
        read = noise[:, 1:][..., None, None].expand_as(x)
        progress = torch.full_like(x, k / self.config.iterations)
        return torch.cat((x, shot, read, progress), dim=1).contiguous(memory_format=torch.channels_last)
