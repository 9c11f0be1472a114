"""A straight line of variance over intensity through blocks of an image, some of which hold signal."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import gamma

Array = NDArray[np.float64]

_KEPT = 0.99

_DOUBTS = 1.0
"""Standard deviations by which the variance at intensity 0 must be negative for the dark level to lie elsewhere. The
line that is forced through 0 is the flatter one, the more so the more that takes."""


class Blocks(NamedTuple):
    """Mean intensity and mean squared residual of n blocks, shape (n,) each, and how precise they are."""

    mean: Array
    power: Array
    freedom: float  # degrees of freedom of a power, of its chi-squared distribution
    pixels: float  # independent pixels that a mean is worth


class _Line(NamedTuple):
    """A fitted line, power = variance + slope max(mean - origin, 0), and its covariance."""

    variance: float
    slope: float
    covariance: Array  # of (variance, slope), shape (2, 2)


def variance_line(blocks: Blocks, zero: float, rounding: float) -> tuple[float, float, float | None]:
    """Return slope, variance at the offset, and offset (none where it is the caller's 0, here at `zero`).

    The line from the darkest block on always exists. It is written with the offset 0 unless the intensities there
    are negative, or its value at 0 is: no noise has a negative variance, so that 0 cannot be the dark level.
    """
    darkest = float(blocks.mean.min())
    line = _fit_line(blocks, darkest, rounding)
    to_zero = np.array([1.0, zero - darkest])
    at_zero = line.variance + line.slope * (zero - darkest)
    doubt = math.sqrt(max(float(to_zero @ line.covariance @ to_zero), 0.0))
    # The mean of a block of few photons is uncertain by more than its own variance tells.
    nearby = line.variance + line.slope * (abs(darkest - zero) + line.slope / blocks.pixels)
    negative = darkest < zero - 5 * math.sqrt(nearby / blocks.pixels)
    if line.slope > 0 and (negative or at_zero < -_DOUBTS * doubt):
        return line.slope, line.variance, darkest
    if not negative:
        line = _fit_line(blocks, zero, rounding)
    return line.slope, line.variance, None


def _fit_line(blocks: Blocks, origin: float, rounding: float) -> _Line:
    """Fit power = variance + slope max(mean - origin, 0), the slope at least 0, the variance at least that of rounding.

    Iteratively reweighted least squares. A block's power has the variance 2 v^2 / freedom, to which comes that of
    its mean, slope^2 v / pixels, which matters where a pixel holds less than one photon. Blocks far above the line
    hold signal: they are left out, and what the noise loses by that is given back.
    """
    floor = 1e-9 * (float(blocks.power.mean()) + rounding)
    if floor < np.finfo(float).tiny:
        return _Line(rounding, 0.0, np.zeros((2, 2)))
    light = np.maximum(blocks.mean - origin, 0.0)
    shape = blocks.freedom / 2
    threshold, loss = _cut(shape)
    line, covariance = _robust_start(light, blocks.power, shape, rounding), np.zeros((2, 2))
    for _ in range(30):
        model = line[0] + line[1] * light
        doubt = shape * line[1] ** 2 * np.maximum(model, line[0] + line[1] ** 2 / blocks.pixels) / blocks.pixels
        scale = np.sqrt(model**2 + doubt) + floor
        kept = blocks.power <= model + (threshold - 1) * scale
        if kept.sum() < 4:
            break
        before = line
        line, covariance = _least_squares(light[kept], blocks.power[kept] / loss, 1 / scale[kept], rounding)
        if np.allclose(line, before, rtol=1e-4, atol=0.0):
            break
    return _Line(float(line[0]), float(line[1]), covariance / shape)


@lru_cache(maxsize=64)
def _cut(shape: float) -> tuple[float, float]:
    """Power of a block, over its expectation, above which it holds signal; and what the mean of the others loses."""
    threshold = float(gamma.ppf(_KEPT, shape, scale=1 / shape))
    return threshold, float(gamma.cdf(threshold, shape + 1, scale=1 / shape)) / _KEPT


def _robust_start(light: Array, power: Array, shape: float, rounding: float) -> Array:
    """Fit the line to low quantiles of the power in groups of blocks of like intensity: flat places, mostly."""
    level = 0.4
    groups = np.array_split(np.argsort(light), min(16, max(1, light.size // 16)))
    mean = np.array([light[group].mean() for group in groups])
    low = np.array([np.quantile(power[group], level) for group in groups])
    variance = low / float(gamma.ppf(level, shape, scale=1 / shape))
    weight = 1 / np.maximum(variance, 0.05 * variance.mean() + rounding + np.finfo(float).tiny)
    line, _ = _least_squares(mean, variance, weight, rounding)
    return line


def _least_squares(light: Array, variance: Array, weight: Array, least: float) -> tuple[Array, Array]:
    """Return the (c, a) >= (`least`, 0) that minimise sum (weight (c + a light - v))^2, and (D'D)^+."""
    design = np.stack([np.ones_like(light), light], axis=1) * weight[:, None]
    size = np.maximum(np.abs(design).max(axis=0), np.finfo(float).tiny)
    design = design / size
    solution, _ = nnls(design, (variance - least) * weight)
    return np.asarray(solution / size) + np.array([least, 0.0]), np.asarray(
        np.linalg.pinv(design.T @ design) / np.outer(size, size)
    )
