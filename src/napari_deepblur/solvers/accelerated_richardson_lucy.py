"""Richardson-Lucy for volumes: accelerated, with a background of its own and a stop."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.errors import SettingsError
from napari_deepblur.operators import LinearOperator
from napari_deepblur.solvers.levels import DARK, levels_of
from napari_deepblur.solvers.richardson_lucy import poisson_background
from napari_deepblur.solvers.state import Monitor, SolverState, check, check_range
from napari_deepblur.solvers.variation import OneCorner

_LEAST_SEEN = 1e-3
_LEAST_LEFT = 0.1
"""Momentum takes at most nine tenths of a voxel's light: one without any would stay dark for ever."""


def accelerated_richardson_lucy(
    operator: LinearOperator,
    image: Tensor,
    noise: tuple[float, float],
    *,
    iterations: int = 40,
    strength: float = 0.0,
    spacing: tuple[float, ...] | None = None,
    background: float = 0.0,
    monitor: Monitor | None = None,
) -> Iterator[SolverState]:
    """Restore by Richardson-Lucy with momentum, for one image or volume at a time.

    The model is y = A x + b of Poisson-Gaussian noise. Noise of variance alpha u + beta^2 is that of Poisson counts of
    mean (u + c) / alpha with c = beta^2 / alpha; with d = max(y + c, 0),

        x_(k+1) = z_k / A'1 * A'( d / (A z_k + b + c) )                                     (strength 0)
        z_(k+1) = x_(k+1) + a_k (x_(k+1) - x_k),   a_k = <g_k, g_(k-1)> / <g_(k-1), g_(k-1)>,   g_k = x_(k+1) - z_k.

    Momentum is worth the square of the number of iterations; z stays positive. With a strength, kappa TV(x) is added to
    the objective as in `richardson_lucy`, over differences with the spacings of the voxels, and kappa = strength *
    sigma / mean d * max A'1: scenes of a volume are darker than its planes by what A'1 is more than one. A
    `MaskedOperator` leaves voxels out that say nothing.

    Parameters
    ----------
    operator
        The blur A, with non-negative PSFs.
    image
        y, shape (1, ..., *image_shape), dark places near 0.
    noise
        alpha and beta in the units of the image.
    iterations
        Largest number of iterations.
    strength
        Weight of the total variation in units of the noise; 0 for none.
    spacing
        Distances of neighbours along the axes of the image; by default all 1.
    background
        b: light that the scene does not send, the same everywhere.
    monitor
        Decides when to stop; by default nothing does.

    Returns
    -------
    Iterator of SolverState
        The state after each iteration; its residual is the relative change |x_new - x| / |x|. A monitor ends
        it before its next iteration.

    Raises
    ------
    ImageError, NoiseError, SettingsError
        Before the first iteration, if an argument cannot be used.

    Notes
    -----
    Sources: D. S. C. Biggs and M. Andrews, Appl. Opt. 36, 1766 (1997); the rest as in `richardson_lucy`.
    """
    model = check(operator, image, noise, iterations)
    check_range("strength", strength, 0.0)
    distances = spacing or (1.0,) * len(operator.image_shape)
    if len(distances) != len(operator.image_shape) or min(distances) <= 0:
        raise SettingsError(f"spacing is {spacing}, expected {len(operator.image_shape)} positive distances.")
    levels = levels_of(image, operator.axes, lambda: operator)
    offset = float(poisson_background(levels.mean, model).max())
    sigma = float(levels.deviation(model).max())
    counts = (image + offset).clamp_min(0)
    seen = operator.adjoint(torch.ones_like(image)).clamp_min(0)
    unit = float(counts.mean().clamp_min(DARK))
    kappa = strength * sigma / unit * float(seen.max())
    prior = OneCorner(distances) if strength > 0 else None
    return _iterate(operator, counts, seen, background + offset, unit, kappa, prior, iterations, monitor)


def _iterate(
    operator: LinearOperator,
    counts: Tensor,
    seen: Tensor,
    level: float,
    unit: float,
    kappa: float,
    prior: OneCorner | None,
    iterations: int,
    monitor: Monitor | None,
) -> Iterator[SolverState]:
    most = float(seen.max())
    # What hardly sends light into the image stays as it starts.
    blind = seen <= _LEAST_SEEN * most
    share = seen.clamp_min(_LEAST_SEEN * most)
    first = max(float(counts.mean()) - level, 1e-3 * unit) / most
    x = torch.full_like(seen, first)
    some_blind = bool(blind.any())
    z, before, power_before = x, None, 0.0
    smooth = 1e-3 * first
    for iteration in range(1, iterations + 1):
        expected = operator.forward(z)
        if monitor is not None and iteration > 1 and monitor(expected):
            return
        # Rounding in the Fourier domain may bring darkness slightly below zero.
        expected = torch.add(expected, level).clamp_(min=1e-6 * unit)
        ratio = torch.div(counts, expected, out=expected)
        new = operator.adjoint(ratio).clamp_(min=0)
        del expected, ratio
        new = new.mul_(z)
        new = new.div_(share) if prior is None else prior.surrogate_minimum(z, new, seen, kappa, smooth)
        if some_blind:
            new = torch.where(blind, x, new)
        # Each pass over a volume costs as much as a tenth of its transform: no temporaries, no sum twice.
        step = torch.sub(new, z, out=z) if before is not None else new - z
        momentum = 0.0 if before is None else min(max(_dot(step, before) / max(power_before, DARK**2), 0.0), 0.999)
        before, power_before = step, _dot(step, step)
        change = new - x
        moved = math.sqrt(_dot(change, change)) / max(math.sqrt(_dot(x, x)), DARK)
        z = torch.add(new, change, alpha=momentum, out=change)
        z = torch.maximum(z, _LEAST_LEFT * new, out=z)
        x = new
        yield SolverState(iteration, x, moved)


def _dot(one: Tensor, other: Tensor) -> float:
    """Scalar product, plane by plane: one sum of millions of numbers in single precision is good to four digits."""
    return float(torch.linalg.vecdot(one.flatten(-2), other.flatten(-2)).double().sum())
