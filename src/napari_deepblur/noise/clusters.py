"""Groups of hot pixels of unequal values, which leave no pixel of the group alone among dark ones.

A pixel at the rim of such a group is bright beside the half of its neighbours that lie outside. No PSF h within the
band limit falls off like that in any direction: with b the floor around, for each half of the neighbours

    y(p) - b  <=  c (half(p) - b),    c = max over positions q of h(q) / half of h at q,

as for the rings of `find_outliers`. Groups are peeled from outside, each pixel being replaced by the half that told.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from napari_deepblur.noise.airy import largest_ratios
from napari_deepblur.noise.medians import median_of_nine
from napari_deepblur.noise.model import PoissonGaussianNoise

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SIGMAS = 6.0
"""How far beyond the limit, in standard deviations of the noise."""

_MARGIN = 1.25
_CORE = 0.02
"""Positions at which the PSF has less than this share of its peak do not count."""

_FLOOR_SIDE = 11
"""Side of the surroundings that tell the floor."""

_NEAR, _FAINT = 17, 0.05
"""Side of the surroundings, and share of the largest rise there, below which a pixel may be of the dark rings."""

_WEAK = 0.2
"""Least height in units of the contrast of the image: what is lower decides nothing, and the tails of PSFs are cut."""

_ROUNDS = 12
"""Layers that are peeled off at most: larger things are no group of pixels."""

_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""The eight neighbours, in a circle."""

_HALVES = (5, 4)
"""So many in a row are a half: the corner of a square lies free of five, that of an octagon of four."""


def clusters(pixels: Array, fc: float, noise: PoissonGaussianNoise, step: float) -> Mask:
    """Find groups of hot pixels.

    Parameters
    ----------
    pixels
        One image, shape (H, W), finite, with something plausible where pixels do not count.
    fc
        Cut-off of the pupil in cycles per pixel.
    noise
        In the units of the image.
    step
        Of its digits; 0 where it has none.

    Returns
    -------
    ndarray
        Shape (H, W).
    """
    limits = steepest_ratios(fc)
    darkest = float(pixels.min())
    found = np.zeros(pixels.shape, bool)
    dark = noise.variance(darkest)
    contrast = float(np.subtract(*np.percentile(pixels, (99, 1))))
    noisy = float(min(_slack(dark, dark, *half, noise.alpha, step) for half in zip(_HALVES, limits, strict=True)))
    least = max(noisy, _WEAK * contrast)
    if not (pixels - darkest > least).any():
        return found
    low = minimum_filter(median_of_nine(pixels), _FLOOR_SIDE, mode="mirror")
    values = np.array(pixels)
    high = maximum_filter(pixels, _NEAR, mode="mirror")
    bright = values - low > np.maximum(least, _FAINT * (high - low))
    # Beside the border, half of what is around a pixel is not seen.
    places = np.argwhere(bright[1:-1, 1:-1]) + 1
    for _ in range(_ROUNDS):
        padded = np.pad(values, 1, mode="reflect")
        ring = np.array([padded[places[:, 0] + 1 + r, places[:, 1] + 1 + c] for r, c in _AROUND])
        circle = np.concatenate((ring, ring[: max(_HALVES) - 1]))
        here, floor = values[tuple(places.T)], low[tuple(places.T)]
        hot = np.zeros(len(places), bool)
        for half, limit in zip(_HALVES, limits, strict=True):
            around = np.array([circle[k : k + half].mean(axis=0) for k in range(len(_AROUND))]).min(axis=0)
            most = floor + limit * np.maximum(around - floor, 0.0)
            slack = _slack(noise.variance(most), noise.variance(around), half, limit, noise.alpha, step)
            told = ~hot & (here - most > slack)
            values[tuple(places[told].T)] = around[told]
            hot |= told
        if not hot.any():
            break
        found[tuple(places[hot].T)] = True
        places = places[~hot]
    return found


def _slack(variance: Array | float, around: Array | float, half: int, limit: float, alpha: float, step: float) -> Array:
    """Room for noise and rounding: the upper tail of few photons is longer than that of a Gaussian."""
    spread = _SIGMAS * np.sqrt(variance + limit**2 / half * np.asarray(around))
    return np.asarray(spread + alpha * _SIGMAS**2 / 3 + step * (1 + limit))


@lru_cache(maxsize=64)
def steepest_ratios(fc: float) -> tuple[float, ...]:
    """Largest ratios c of a pixel to the mean of a half of its neighbours, for the Airy pattern of cut-off fc.

    Parameters
    ----------
    fc
        Cut-off of the pupil in cycles per pixel.

    Returns
    -------
    tuple
        For halves of five and of four neighbours, the largest of all directions and positions of the point between
        the pixels, with a margin.
    """
    directions = range(len(_AROUND))
    return tuple(
        _MARGIN * max(largest_ratios(fc, [_half(count, first) for first in directions], _CORE)) for count in _HALVES
    )


def _half(count: int, first: int) -> Array:
    """Weights of the mean of so many neighbours in a row, from one of `_AROUND` on, shape (3, 3)."""
    half = np.zeros((3, 3))
    for k in range(count):
        row, column = _AROUND[(first + k) % len(_AROUND)]
        half[row + 1, column + 1] = 1 / count
    return half
