"""The deblurring network: Douglas-Rachford iterations unrolled, with the blur operator inside.

    R_k(z)  = argmin_x 1/2 |A x - y|^2 + lambda_k/2 |x - z|^2
    x_0     = (A'A + lambda_0 I)^-1 A'y
    repeat:   z_k = D_k(x_k),   x_{k+1} = x_k - z_k + R_{k+1}(2 z_k - x_k),   D_k(x) = x + DRUNet(x, noise, spread)
    result    R(z_N) with a lambda of its own, cropped to the image

Source: V. Debarnot and P. Weiss, "Deep-blur", Biological Imaging 4:e13 (2024), section 2.4. Everything lives on the
scene, which is larger than the image, so that nothing is assumed about what lies beyond the border.

The paper fixes lambda at 0.03. Here it follows, with learned factors, from what the data are worth: the noise, and the
spread of the PSF around its estimate. One value cannot serve both a clean image with a well-known PSF, where the data
say nearly everything, and a noisy one, where they say little. The paper returns z_N; the last data step here gives
back to a clean image what the networks have smoothed away, and leaves a noisy one as it is.
"""

from __future__ import annotations

import math
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
    first_steps, steps
        Conjugate gradient steps of x_0 and of each later data step, which starts from the iterate before it.
    final_steps
        Conjugate gradient steps of the last data step.
    final_floor, final_noise, final_spread
        a, b and c of the last data step, see `Regularization`; not trained, chosen on training images.
    """

    channels: tuple[int, ...] = (32, 64, 128, 256)
    blocks: int = 4
    iterations: int = 4
    shared: bool = False
    first_steps: int = 8
    steps: int = 4
    final_steps: int = 12
    final_floor: float = 5e-5
    final_noise: float = 1e5
    final_spread: float = 0.04


PAPER = DeblurringConfig()
"""The paper's size: four DRUNets of 8.16 million parameters."""

LIGHT = DeblurringConfig(channels=(16, 32, 64, 128), blocks=1, iterations=3, shared=True, steps=8)
"""One small DRUNet for all iterations, for processors. Eight steps: tiles differ where they have not converged."""


def noise_variance(noise: Tensor) -> Tensor:
    """Variance of the noise at a quarter of the peak, alpha / 4 + beta^2, shape (B,), from noise (B, 2)."""
    return noise[:, 0] / 4 + noise[:, 1].square()


class Regularization(nn.Module):
    """lambda_k = a_k + b_k v + c_k s, with learned positive a_k, b_k and c_k.

    v is the variance of the noise (`noise_variance`), and s the spread of the PSF. Both describe whole images, not
    tiles, so that neighbouring tiles are restored alike.

    Parameters
    ----------
    iterations
        Number of data steps.
    """

    def __init__(self, iterations: int) -> None:
        super().__init__()
        # Where a Wiener filter alone does best on training images.
        self.floor = nn.Parameter(torch.full((iterations,), math.log(1e-3)))
        self.noise = nn.Parameter(torch.full((iterations,), math.log(300.0)))
        self.spread = nn.Parameter(torch.full((iterations,), math.log(2e-2)))

    def forward(self, noise: Tensor, spread: Tensor, k: int) -> Tensor:
        """lambda_k, shape (B, 1, 1, 1), from noise (B, 2) and spread (B,)."""
        value = self.floor[k].exp() + self.noise[k].exp() * noise_variance(noise) + self.spread[k].exp() * spread
        return value[:, None, None, None]


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
        # Channels: the iterate, the shot and read noise levels, the spread, and how far the iteration has come.
        networks = [DRUNet(5, config.channels, config.blocks) for _ in range(sets)]
        with torch.no_grad():
            for network in networks:
                network.tail.weight.mul_(0.1)
        self.proximal = nn.ModuleList(networks)
        self.regularization = Regularization(config.iterations)

    def forward(self, image: Tensor, operator: LinearOperator, noise: Tensor, spread: Tensor) -> Tensor:
        """Restore images.

        Parameters
        ----------
        image
            Observed images y in [0, 1], shape (B, 1, H, W).
        operator
            Their blur A.
        noise
            Noise parameters (alpha, beta), shape (B, 2).
        spread
            Expected relative squared error of the PSF, E |h - h_hat|^2 / |h_hat|^2, shape (B,); 0 for a known one.

        Returns
        -------
        Tensor
            Restored images on the same pixels, shape (B, 1, H, W), float32.
        """
        *_, scene = self.iterate(image, operator, noise, spread)
        height, width = image.shape[-2:]
        top, left = ((a - b) // 2 for a, b in zip(operator.scene_shape, operator.image_shape, strict=True))
        return scene[..., top : top + height, left : left + width]

    def iterate(
        self, image: Tensor, operator: LinearOperator, noise: Tensor, spread: Tensor, mean: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Yield z_1, ..., z_(N - 1), R(z_N) on the scene, (B, 1, H + k - 1, W + k - 1).

        Arguments as in `forward`; of a tile, `mean` is that of the whole image, shape (B, 1, 1, 1).
        """
        config = self.config
        # Centred, the unknown world beyond the border is zero on average, which is where conjugate gradient starts.
        centre = image.mean(dim=(-2, -1), keepdim=True) if mean is None else mean
        adjoint_image = operator.adjoint(
            image - operator.forward(centre.expand(*image.shape[:2], *operator.scene_shape))
        )
        weight = self.regularization(noise, spread, 0)
        x = resolvent(operator, adjoint_image, None, weight, steps=config.first_steps).solution
        settled = x
        for k in range(config.iterations):
            z = self.denoised(x + centre, noise, spread, k)
            if k + 1 < config.iterations:
                yield z
                weight = self.regularization(noise, spread, k + 1)
                anchor = 2 * (z - centre) - x
                settled = resolvent(operator, adjoint_image, anchor, weight, start=settled, steps=config.steps).solution
                x = x - (z - centre) + settled
        last = z - centre
        weight = self.final_weight(noise, spread)
        yield resolvent(operator, adjoint_image, last, weight, start=last, steps=config.final_steps).solution + centre

    def denoised(self, x: Tensor, noise: Tensor, spread: Tensor, k: int) -> Tensor:
        """D_k(x), the learned prox of the k-th iteration from 0, of the shape of x, (B, 1, H, W)."""
        proximal = self.proximal[0 if self.config.shared else k]
        # The networks predict what is wrong with their input: one that knows nothing changes nothing.
        correction: Tensor = proximal(self._conditioned(x, noise, spread, k))
        return x + correction.float()

    def final_weight(self, noise: Tensor, spread: Tensor) -> Tensor:
        """Return the lambda of the last data step, shape (B, 1, 1, 1)."""
        config = self.config
        value = config.final_floor + config.final_noise * noise_variance(noise) + config.final_spread * spread
        return value[:, None, None, None]

    def _conditioned(self, x: Tensor, noise: Tensor, spread: Tensor, k: int) -> Tensor:
        constants = (
            noise[:, 0].sqrt(),
            noise[:, 1],
            spread.sqrt(),
            torch.full_like(spread, k / self.config.iterations),
        )
        maps = torch.stack(constants, dim=1)[..., None, None].expand(-1, -1, *x.shape[-2:])
        return torch.cat((x, maps), dim=1).contiguous(memory_format=torch.channels_last)
