"""Wiener: the linear restoration under a power-law spectrum of the scene."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.operators import LinearOperator, conjugate_gradient
from napari_deepblur.solvers.differences import Differences
from napari_deepblur.solvers.levels import BLOCK, DARK, Levels, block_power, levels_of
from napari_deepblur.solvers.state import SolverState, check, check_range, first_scene, observed

_STEPS_EACH = 5
_PLANE = Differences((1.0, 1.0))


def wiener(
    operator: LinearOperator,
    image: Tensor,
    noise: tuple[float, float],
    *,
    iterations: int = 100,
    strength: float = 1.0,
    tolerance: float = 3e-4,
    spacing: tuple[float, ...] | None = None,
    weights: Tensor | None = None,
    levels: Levels | None = None,
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
        Stop once the relative error of the scene is estimated to be at most this; 0 runs all iterations. The border
        converges last: at 1e-3 tiles and the whole differed there by more than 1e-3 of the range.
    spacing
        Distances of neighbours along the axes of the image; by default all 1.
    weights
        1 for pixels that count, 0 for those that do not, shape (..., H, W); all count where absent. Hidden pixels hold
        something plausible, from which levels and the start are taken, and no more.
    levels
        Of the whole image, where this is a tile of it; by default the image's own.

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
    levels = levels or levels_of(image, operator.axes, lambda: operator)
    sigma = levels.deviation(model)
    weight = strength * (sigma / neighbour_deviation(levels, sigma)).square()
    prior = Differences(spacing or (1.0,) * len(operator.axes))
    start, weight = first_scene(operator, image, levels.mean), weight.clamp(1e-7, 1e3)
    return _iterate(observed(operator, weights), image, start, weight, prior, iterations, tolerance)


def neighbour_deviation(levels: Levels, sigma: Tensor) -> Tensor:
    """Estimate the standard deviation s of the differences between neighbours of the scene, shape (..., 1, 1).

    Differences between the means of neighbouring blocks of 4 x 4 pixels are little touched by blur and noise. They
    are compared with those of a random scene of spectrum 1 / |f|^2 and unit s, and its mirror images, through the same
    blur: an image that is turned round is treated alike. In a volume, neighbours lie in one plane, the mean is that of
    all planes, and one scene suffices.
    """
    operator = levels.typical()
    measured = levels.blocks - 2 * sigma.square() / BLOCK**2
    generator = torch.Generator().manual_seed(0)
    *planes, height, width = operator.scene_shape
    long, short = max(height, width), min(height, width)
    frequency = torch.zeros(())
    for side in (*planes, long, short):
        frequency = torch.hypot(frequency[..., None], torch.fft.fftfreq(side))
    white = torch.randn((*planes, long, short), generator=generator)
    scene = torch.fft.ifftn(torch.fft.fftn(white) / frequency.clamp_min(1 / max(white.shape))).real
    scene = (scene / _PLANE.gradient(scene).square().mean().sqrt()).to(sigma)
    alike = {tuple(one.shape[-2:]): one for one in (scene, scene.mT)}
    scenes = [scene, scene.mT] if height == width else [alike[height, width]]
    if planes:
        mirrored = scenes[:1]
    else:
        mirrored = [one.flip(axes) for one in scenes for axes in ((), (-1,), (-2,), (-2, -1))]
    leading = sigma.shape[: operator.axes[0]]
    powers = [block_power(operator.forward(one.expand(*leading, *one.shape)), operator.axes) for one in mirrored]
    unit = torch.stack(powers).mean(dim=0).clamp_min(DARK)
    floor = 1e-6 * levels.contrast.square() + DARK
    return (measured / unit).maximum(floor).sqrt()


def _iterate(
    operator: LinearOperator,
    image: Tensor,
    start: Tensor,
    weight: Tensor,
    prior: Differences,
    iterations: int,
    tolerance: float,
) -> Iterator[SolverState]:
    right_side = operator.adjoint(image)
    # Half the largest eigenvalue of D'D is its mean.
    typical = prior.squared_norm / 2 * float(weight.log().mean().exp())
    x, done = start, 0

    def normal(scene: Tensor) -> Tensor:
        return operator.adjoint(operator.forward(scene)) + weight * prior.adjoint(prior.gradient(scene))

    def precondition(residual: Tensor) -> Tensor:
        return operator.precondition(residual, typical)

    while done < iterations:
        steps = min(_STEPS_EACH, iterations - done)
        x = conjugate_gradient(
            normal, right_side, start=x, precondition=precondition, steps=steps, axes=operator.axes
        ).solution
        done += steps
        error = _norm(precondition(right_side - normal(x)), operator) / _norm(x, operator).clamp_min(DARK)
        residual = float(error.max())
        yield SolverState(done, x, residual)
        if residual <= tolerance:
            return


def _norm(scene: Tensor, operator: LinearOperator) -> Tensor:
    return scene.square().sum(dim=operator.axes).sqrt()
