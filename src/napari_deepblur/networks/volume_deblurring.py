"""The deblurring network on volumes: the data step in three dimensions, the learned prox plane by plane.

The iteration is that of `networks.deblurring`. A plane of a volume is a fraction of what the camera sees through it:
scenes are brought to the range in which the network has learned, and the noise is that at the mean of the stack, of
which all planes have their share.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.operators import LinearOperator, resolvent

_QUARTER = 0.25
"""Where `noise_variance` reads the level of the noise, as a share of the peak."""


def iterate_volume(
    network: DeblurringNetwork,
    volume: Tensor,
    operator: LinearOperator,
    noise: tuple[float, float],
    spread: float,
    peak: float,
) -> Iterator[Tensor]:
    """Yield z_1, ..., z_(N - 1), R(z_N) as scenes of the shape (1, 1, *scene_shape).

    Parameters
    ----------
    network
        The network that was trained on images.
    volume
        y, shape (1, 1, D, H, W), dark places near 0.
    operator
        Its blur A.
    noise
        alpha and beta in the units of the volume.
    spread
        Expected relative squared error of the PSF; 0 for a known one.
    peak
        About the largest values of the scene: what becomes 1 for the network.
    """
    config = network.config
    image = volume / peak
    alpha, beta = noise[0] / peak, noise[1] / peak
    beyond = max(float(image.mean()) - _QUARTER, 0.0)
    levels = torch.tensor([[alpha, (beta**2 + alpha * beyond) ** 0.5]], device=volume.device)
    spreads = torch.tensor([spread], device=volume.device)
    # Centred, the unknown world around the stack is zero on average, which is where conjugate gradient starts.
    flat = operator.forward(volume.new_ones(operator.scene_shape)[None, None])
    centre = float((flat * image).sum() / flat.square().sum())
    adjoint_image = operator.adjoint(image - centre * flat)
    x = resolvent(operator, adjoint_image, None, _weight(network, levels, spreads, 0), steps=config.first_steps)[0]
    settled = x
    for k in range(config.iterations):
        z = _plane_by_plane(network, x + centre, levels, spreads, k) - centre
        if k + 1 < config.iterations:
            yield peak * (z + centre)
            weight = _weight(network, levels, spreads, k + 1)
            settled = resolvent(operator, adjoint_image, 2 * z - x, weight, start=settled, steps=config.steps)[0]
            x = x - z + settled
    weight = float(network.final_weight(levels, spreads))
    yield peak * (resolvent(operator, adjoint_image, z, weight, start=z, steps=config.final_steps)[0] + centre)


def _weight(network: DeblurringNetwork, noise: Tensor, spread: Tensor, k: int) -> float:
    return float(network.regularization(noise, spread, k))


def _plane_by_plane(network: DeblurringNetwork, scene: Tensor, noise: Tensor, spread: Tensor, k: int) -> Tensor:
    planes = [network.denoised(plane[:, None], noise, spread, k)[:, 0] for plane in scene[:, 0].unbind(1)]
    return torch.stack(planes, dim=1)[:, None]
