"""What every solver yields, where it starts, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from napari_deepblur.errors import ImageError, SettingsError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import LinearOperator, MaskedOperator

_LEAST_SEEN = 1e-3


Monitor = Callable[[Tensor], bool]
"""What looks at A x, the image that the scene of the last iteration explains, and says whether to stop with it."""


class SolverState(NamedTuple):
    """One iteration of a solver.

    Attributes
    ----------
    iteration
        Number of iterations done, from 1.
    estimate
        Scene, shape (..., H + k - 1, W + k - 1): larger than the image by half the PSF on each side.
    residual
        Distance to convergence, the largest of the batch; each solver says which one.
    """

    iteration: int
    estimate: Tensor
    residual: float


def first_scene(operator: LinearOperator, image: Tensor, mean: Tensor | None = None) -> Tensor:
    """Smooth scene to start from: at each place the mean of the pixels that it was blurred into, A'y / A'1.

    What is hardly seen has the mean of the whole image, or, where that is not given, of this part.
    """
    seen = coverage(operator, image)
    mean = image.mean(dim=operator.axes, keepdim=True) if mean is None else mean
    spread = operator.adjoint(image)
    return torch.where(seen > _LEAST_SEEN, spread / seen.clamp_min(_LEAST_SEEN), mean)


def observed(operator: LinearOperator, weights: Tensor | None) -> LinearOperator:
    """Return the blur as far as it is observed: with the weights of pixels, where they have some."""
    return operator if weights is None else MaskedOperator(operator, weights)


def coverage(operator: LinearOperator, image: Tensor) -> Tensor:
    """A'1: the share of its light that each place of the scene sends into the image.

    It falls to zero in the margin around the field. What is below 0.001 there is rounding, and returned as zero.
    """
    seen = operator.adjoint(torch.ones_like(image))
    return torch.where(seen > _LEAST_SEEN, seen, 0.0)


def check(operator: LinearOperator, image: Tensor, noise: tuple[float, float], iterations: int) -> PoissonGaussianNoise:
    """Return the noise model, or raise what is wrong with the arguments that all solvers share."""
    if tuple(image.shape[operator.axes[0] :]) != operator.image_shape:
        raise ImageError(
            f"The image has shape {tuple(image.shape)}, expected (..., {', '.join(map(str, operator.image_shape))}): "
            "the operator was made for images of another size."
        )
    if not bool(image.isfinite().all()):
        raise ImageError("The image holds NaN or infinite values, expected none. Replace them before restoration.")
    count: Any = iterations
    if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
        raise SettingsError(f"iterations is {iterations!r}, expected a whole number from 1.")
    alpha, beta = noise
    return PoissonGaussianNoise(alpha, beta)


def check_range(name: str, value: float, lowest: float, highest: float = float("inf")) -> float:
    """Return a number that lies in [lowest, highest], or raise a `SettingsError`."""
    number: Any = value
    if not isinstance(number, Real) or not lowest <= float(number) <= highest:
        raise SettingsError(f"{name} is {value!r}, expected a number from {lowest:g} to {highest:g}.")
    return float(number)
