"""Rows and columns of a camera that stand out as a whole: wrong offsets and gains, too weak to be seen pixel by pixel.

The means of rows, or of columns, are a band-limited profile as an image is a band-limited picture. With b the darkest
place around, no scene makes a line exceed its neighbours by more than an infinitely long line of light would:

    m(x) - b  <=  c (m at x - d and x + d, on average, - b),    d = 1 and 2,    c from the line spread function.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.noise.airy import airy
from napari_deepblur.noise.bands import bands
from napari_deepblur.noise.model import PoissonGaussianNoise

Array = NDArray[np.float64]
Pixels = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_SIGMAS = 6.0
"""How far beyond the limit, in standard deviations of the mean of a line."""

_VISIBLE = 1.0
"""Least difference from the neighbours, in standard deviations of the noise of one pixel: less does no harm."""

_MARGIN = 1.25
_WIDEST_CUTOFF = 0.35
"""fc beyond which lines are not judged, and which is assumed where it is unknown."""

_NEAR = 4
"""Lines on each side that tell floor and ceiling; the outer ones of an image are not judged."""

_ROUNDS = 3
_LEAST = 0.02
"""Least difference from the neighbours in units of the contrast of the image."""

_MOST = 0.03
"""Share of lines beyond which they are taken for what the camera does everywhere, and believed."""

_SHORTEST = 32
"""Lines of an image, and pixels of a line that count, below which nothing is said about it."""


def stripes(pixels: Pixels, cutoff: float | None, noise: PoissonGaussianNoise, step: float, hidden: Mask) -> Mask:
    """Find whole rows and columns that differ from their neighbours as no light does.

    Parameters
    ----------
    pixels
        One image, shape (H, W), finite.
    cutoff
        fc in cycles per pixel; None where it is unknown.
    noise
        In the units of the image.
    step
        Of its digits; 0 where it has none.
    hidden
        Pixels that do not count, shape (H, W).

    Returns
    -------
    ndarray
        True in such rows and columns, shape (H, W).
    """
    found = np.zeros(pixels.shape, bool)
    fc = _WIDEST_CUTOFF if cutoff is None else cutoff
    if fc > _WIDEST_CUTOFF:
        # A line of light may be no wider than a pixel.
        return found
    for axis in (0, 1):
        lines = _lines(np.moveaxis(pixels, axis, 0), round(fc, 3), noise, step, np.moveaxis(hidden, axis, 0))
        np.moveaxis(found, axis, 0)[lines] = True
    return found


def _lines(pixels: Pixels, fc: float, noise: PoissonGaussianNoise, step: float, hidden: Mask) -> Mask:
    """Find rows."""
    found = np.zeros(len(pixels), bool)
    if len(pixels) < _SHORTEST:
        return found
    for _ in range(_ROUNDS):
        fresh = _sharp(_bridged(pixels, found), pixels, fc, noise, step, hidden) & ~found
        if not fresh.any():
            break
        found |= fresh
    return found if found.mean() <= _MOST else np.zeros_like(found)


def _bridged(pixels: Pixels, found: Mask) -> Pixels:
    """Put the mean of the nearest other rows in the place of those that were found."""
    if not found.any():
        return pixels
    good = np.flatnonzero(~found)
    after = np.searchsorted(good, np.flatnonzero(found))
    above, below = good[np.maximum(after - 1, 0)], good[np.minimum(after, len(good) - 1)]
    result = np.array(pixels)
    result[found] = (pixels[above] + pixels[below]) / 2
    return result


def _sharp(bridged: Pixels, pixels: Pixels, fc: float, noise: PoissonGaussianNoise, step: float, hidden: Mask) -> Mask:
    """Find the rows that exceed what their neighbours allow, all seen at the places that are seen in all of them."""
    inner = slice(_NEAR, len(pixels) - _NEAR)
    parts = [_means(bridged, pixels, hidden, rows) for rows, _, _ in bands((inner.stop - inner.start, pixels.shape[1]))]
    count, means = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    others = np.concatenate([part[2] for part in parts], axis=1)
    low, high = others.min(axis=0), others.max(axis=0)
    # Two of the neighbours may be out of order themselves.
    usual = np.sort(others, axis=0)[[2, -3]]
    pixel = np.sqrt(noise.variance(np.maximum(means, 0)))
    slack = _SIGMAS * pixel / np.sqrt(np.maximum(count, 1))
    contrast = float(np.subtract(*np.percentile(pixels, (99, 1))))
    least = usual[1] - usual[0] + np.maximum(np.maximum(_VISIBLE * pixel, step), _LEAST * contrast)
    sharp = np.zeros(len(means), bool)
    for sign, floor, ceiling in ((1.0, low, usual[1]), (-1.0, high, usual[0])):
        for distance, limit in zip((1, 2), sharpest_lines(fc), strict=True):
            around = (others[_NEAR - distance] + others[_NEAR + distance - 1]) / 2
            most = limit * np.maximum(sign * (around - floor), 0.0)
            risen = sign * (means - floor) - most > slack * math.hypot(1, limit)
            sharp |= risen & (sign * (means - ceiling) > least)
    found = np.zeros(len(pixels), bool)
    found[inner] = sharp & (count >= _SHORTEST)
    return found


def _means(bridged: Pixels, pixels: Pixels, hidden: Mask, rows: slice) -> tuple[NDArray[np.intp], Array, Array]:
    """Count the pixels that are seen in rows and in all their neighbours; means of these in the rows, and in each."""
    near = [slice(rows.start + k, rows.stop + k) for k in range(2 * _NEAR + 1)]
    seen = np.ones((rows.stop - rows.start, pixels.shape[1]), bool)
    for place in near:
        seen &= ~hidden[place]
    count = seen.sum(axis=1)
    weight = seen / np.maximum(count, 1)[:, None]
    means = (pixels[near[_NEAR]] * weight).sum(axis=1)
    others = np.array([(bridged[place] * weight).sum(axis=1) for k, place in enumerate(near) if k != _NEAR])
    return count, means, others


@lru_cache(maxsize=64)
def sharpest_lines(fc: float) -> tuple[float, float]:
    """Largest ratios c of a line to the mean of its neighbours at distances 1 and 2, for the Airy pattern.

    Parameters
    ----------
    fc
        Cut-off of the pupil in cycles per pixel.

    Returns
    -------
    tuple
        For distances 1 and 2, over positions of the line between the pixels, with a margin.
    """
    fine = 10
    place = np.arange(-12 * fine, 12 * fine + 1) / fine
    radius = np.hypot(*np.meshgrid(place, place, indexing="ij"))
    spread = airy(radius, fc).sum(axis=1)
    largest = [0.0, 0.0]
    for shift in range(-fine // 2, fine // 2 + 1):
        line = spread[fine + fine // 2 + shift :: fine]
        bright = np.flatnonzero(line > 0.1 * line.max())
        bright = bright[(bright >= 2) & (bright < len(line) - 2)]
        for index, distance in enumerate((1, 2)):
            mean = (line[bright - distance] + line[bright + distance]) / 2
            largest[index] = max(largest[index], float((line[bright] / mean).max()))
    return _MARGIN * largest[0], _MARGIN * largest[1]
