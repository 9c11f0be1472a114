"""Richardson-Lucy: the likeliest non-negative scene under Poisson noise."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import LinearOperator
from napari_deepblur.solvers.levels import DARK, Levels, levels_of
from napari_deepblur.solvers.state import (
    Monitor,
    SolverState,
    check,
    check_range,
    coverage,
    first_scene,
    observed,
)
from napari_deepblur.solvers.variation import FourCorners


def richardson_lucy(
    operator: LinearOperator,
    image: Tensor,
    noise: tuple[float, float],
    *,
    iterations: int = 100,
    strength: float = 0.1,
    weights: Tensor | None = None,
    monitor: Monitor | None = None,
    levels: Levels | None = None,
) -> Iterator[SolverState]:
    """Restore by Richardson-Lucy, with the Gaussian noise as a Poisson background and a total variation prior.

    Noise of variance alpha u + beta^2 is that of Poisson counts of mean (u + b) / alpha with b = beta^2 / alpha. With
    d = max(y + b, 0), each iteration lowers

        sum (A x + b) - d log(A x + b)  +  kappa TV(x),   kappa = strength * sigma / mean d,

    where sigma is the standard deviation of the noise at the mean intensity. Without the prior (strength 0) it is
    the classical x <- x / A'1 * A'( d / (A x + b) ), which only stopping early keeps from fitting the noise.

    Parameters
    ----------
    operator
        The blur A, with non-negative PSFs.
    image
        y, shape (..., H, W), dark places near 0.
    noise
        alpha and beta in the units of the image.
    iterations
        Number of iterations.
    strength
        Weight of the total variation in units of the noise, as in `total_variation`; 0 is the classical method.
    weights
        1 for pixels that count, 0 for those that do not, shape (..., H, W); all count where absent. Hidden pixels hold
        something plausible, from which levels and the start are taken, and no more.
    monitor
        Decides when to stop; by default nothing does.
    levels
        Of the whole image, where this is a tile of it; by default the image's own.

    Returns
    -------
    Iterator of SolverState
        The state after each iteration; its residual is the relative change |x_new - x| / |x|.

    Raises
    ------
    ImageError, NoiseError, SettingsError
        Before the first iteration, if an argument cannot be used.

    Notes
    -----
    For alpha = 0 the background would be infinite, and the iteration infinitely slow: b is at most the mean of the
    image. Without prior, places of the margin that send less than 0.1 % of their light into the image stay as they
    start. TV is smooth below a thousandth of the mean intensity.

    Sources: W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972); L. B. Lucy, Astron. J. 79, 745 (1974); the background:
    D. L. Snyder et al., J. Opt. Soc. Am. A 12, 272 (1995); the borders: M. Bertero and P. Boccacci, Astron.
    Astrophys. 437, 369 (2005); the prior by separable surrogates: A. R. De Pierro, IEEE Trans. Med. Imaging 14, 132
    (1995), for the total variation of N. Dey et al., Microsc. Res. Tech. 69, 260 (2006).
    """
    model = check(operator, image, noise, iterations)
    check_range("strength", strength, 0.0)
    levels = levels or levels_of(image, operator.axes, lambda: operator)
    background = poisson_background(levels.mean, model)
    # The mean of counts, which are not negative: near that of the image, but where that is all noise.
    unit = (levels.mean + background).clamp_min(0).maximum(1e-3 * levels.contrast).clamp_min(DARK)
    kappa = strength * levels.deviation(model) / unit
    start = first_scene(operator, image.clamp_min(0), levels.mean.clamp_min(0)).maximum(1e-3 * unit)
    prior = kappa if strength > 0 else None
    return _iterate(observed(operator, weights), image, start, background, unit, prior, iterations, monitor)


def poisson_background(mean: Tensor, noise: PoissonGaussianNoise) -> Tensor:
    """Return b = beta^2 / alpha, at most the mean intensity of each image, shape (..., 1, ..., 1)."""
    mean = mean.clamp_min(0)
    if noise.beta == 0:
        return torch.zeros_like(mean)
    return mean if noise.alpha == 0 else mean.clamp_max(noise.beta**2 / noise.alpha)


def _iterate(
    operator: LinearOperator,
    image: Tensor,
    start: Tensor,
    background: Tensor,
    unit: Tensor,
    kappa: Tensor | None,
    iterations: int,
    monitor: Monitor | None,
) -> Iterator[SolverState]:
    counts = (image + background).clamp_min(0)
    seen = coverage(operator, image)
    x, variation = start, FourCorners()
    for iteration in range(1, iterations + 1):
        expected = operator.forward(x)
        if monitor is not None and iteration > 1 and monitor(expected):
            return
        # Rounding in the Fourier domain may bring darkness slightly below zero.
        ratio = counts / (expected + background).maximum(1e-6 * unit)
        evidence = x * operator.adjoint(ratio).clamp_min(0)
        before = x
        if kappa is None:
            x = torch.where(seen > 0, evidence / seen.clamp_min(torch.finfo(seen.dtype).tiny), x)
        else:
            x = variation.surrogate_minimum(x, torch.where(seen > 0, evidence, 0.0), seen, kappa, 1e-3 * unit)
        yield SolverState(iteration, x, float((x - before).norm() / before.norm().clamp_min(DARK)))
