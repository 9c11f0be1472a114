"""Wiener: the linear restoration under a power-law spectrum of the scene."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.operators import LinearOperator, conjugate_gradient
from napari_deepblur.solvers.gradient import gradient, gradient_adjoint
from napari_deepblur.solvers.state import DARK, SolverState, check, check_range, first_scene, mean_deviation, observed

_BLOCK = 4
_STEPS_EACH = 5
_MEAN_EIGENVALUE = 4.0  # of D'D


def wiener(
    operator: LinearOperator,
    image: Tensor,
    noise: tuple[float, float],
    *,
    iterations: int = 100,
    strength: float = 1.0,
    tolerance: float = 1e-3,
    weights: Tensor | None = None,
) -> Iterator[SolverState]:
    """Restore by the Wiener estimate for scenes with spectrum s^2 / |f|^2, on the valid model.

    x = argmin 1/2 |A x - y|^2 + lambda/2 |D x|^2, that is (A'A + lambda D'D) x = A'y, with D the gradient and
    lambda = strength * sigma^2 / s^2: sigma is the standard deviation of the noise at the mean intensity, s that of
    the scene's differences between neighbours. Solved by preconditioned conjugate gradient.

    Parameters
    ----------
    operator
        The blur A.
    image
        y, shape (..., H, W).
    noise
        alpha and beta in the units of the image.
    iterations
        Largest number of conjugate gradient steps.
    strength
        Factor on lambda; positive.
    tolerance
        Stop once the relative error of the scene is estimated to be at most this; 0 runs all iterations.
    weights
        1 for pixels that count, 0 for those that do not, shape (..., H, W); all count where absent. Hidden pixels hold
        something plausible, from which levels and the start are taken, and no more.

    Returns
    -------
    Iterator of SolverState
        The state after every five steps; its residual is the preconditioned one over |x|, which estimates the
        relative error of the scene, within a factor of ten in the field and less well in the margin.

    Raises
    ------
    ImageError, NoiseError, SettingsError
        Before the first iteration, if an argument cannot be used.

    Notes
    -----
    Source: N. Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series (1949).
    """
    model = check(operator, image, noise, iterations)
    check_range("strength", strength, 1e-9)
    check_range("tolerance", tolerance, 0.0)
    sigma = mean_deviation(image, model)
    weight = strength * (sigma / neighbour_deviation(operator, image, sigma)).square()
    start = first_scene(operator, image)
    return _iterate(observed(operator, weights), image, start, weight.clamp(1e-7, 1e3), iterations, tolerance)


def neighbour_deviation(operator: LinearOperator, image: Tensor, sigma: Tensor) -> Tensor:
    """Estimate the standard deviation s of the differences between neighbours of the scene, shape (..., 1, 1).

    Differences between the means of neighbouring blocks of 4 x 4 pixels are little touched by blur and noise. They
    are compared with those of a random scene of spectrum 1 / |f|^2 and unit s, and its mirror images, through the same
    blur: an image that is turned round is treated alike.
    """
    measured = _block_power(image) - 2 * sigma.square() / _BLOCK**2
    generator = torch.Generator().manual_seed(0)
    long, short = sorted(operator.scene_shape, reverse=True)
    frequency = torch.hypot(torch.fft.fftfreq(long)[:, None], torch.fft.fftfreq(short))
    white = torch.randn((long, short), generator=generator)
    scene = torch.fft.ifft2(torch.fft.fft2(white) / frequency.clamp_min(1 / long)).real
    scene = (scene / gradient(scene).square().mean().sqrt()).to(image)
    scenes = [scene] if scene.shape == operator.scene_shape else []
    scenes += [scene.mT] if scene.mT.shape == operator.scene_shape else []
    powers = [
        _block_power(operator.forward(one.flip(axes).expand(*image.shape[:-2], -1, -1)))
        for one in scenes
        for axes in ((), (-1,), (-2,), (-2, -1))
    ]
    unit = torch.stack(powers).mean(dim=0).clamp_min(DARK)
    floor = 1e-6 * image.var(dim=(-2, -1), keepdim=True) + DARK
    return (measured / unit).maximum(floor).sqrt()


def _block_power(image: Tensor) -> Tensor:
    """Mean square of the differences between the means of neighbouring blocks, anywhere, shape (..., 1, 1)."""
    means = torch.nn.functional.avg_pool2d(image.flatten(0, -3)[:, None], _BLOCK, stride=1)
    means = means.view(*image.shape[:-2], *means.shape[-2:])
    down, right = means[..., _BLOCK:, :] - means[..., :-_BLOCK, :], means[..., _BLOCK:] - means[..., :-_BLOCK]
    return (down.square().mean(dim=(-2, -1), keepdim=True) + right.square().mean(dim=(-2, -1), keepdim=True)) / 2


def _iterate(
    operator: LinearOperator, image: Tensor, start: Tensor, weight: Tensor, iterations: int, tolerance: float
) -> Iterator[SolverState]:
    right_side = operator.adjoint(image)
    typical = _MEAN_EIGENVALUE * float(weight.log().mean().exp())
    x, done = start, 0

    def normal(scene: Tensor) -> Tensor:
        return operator.adjoint(operator.forward(scene)) + weight * gradient_adjoint(gradient(scene))

    def precondition(residual: Tensor) -> Tensor:
        return operator.precondition(residual, typical)

    while done < iterations:
        steps = min(_STEPS_EACH, iterations - done)
        x = conjugate_gradient(normal, right_side, start=x, precondition=precondition, steps=steps).solution
        done += steps
        error = precondition(right_side - normal(x)).norm(dim=(-2, -1)) / x.norm(dim=(-2, -1)).clamp_min(DARK)
        residual = float(error.max())
        yield SolverState(done, x, residual)
        if residual <= tolerance:
            return
