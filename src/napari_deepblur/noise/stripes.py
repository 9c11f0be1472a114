"""Rows and columns of a camera that stand out as a whole: wrong offsets and gains, too weak to be seen pixel by pixel.

The means of rows, or of columns, are a band-limited profile as an image is a band-limited picture. With b the darkest
place around, no scene makes a line exceed its neighbours by more than an infinitely long line of light would:

    m(x) - b  <=  c (m at x - d and x + d, on average, - b),    d = 1 and 2,    c from the line spread function.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.bands import bands
from napari_deepblur.noise.airy import airy
from napari_deepblur.noise.census import percentiles
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.plane import Mask, Plane, mask_of

Array = NDArray[np.float64]
Pixels = NDArray[np.floating[Any]]

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


def stripes(pixels: Plane, cutoff: float | None, noise: PoissonGaussianNoise, step: float, hidden: Mask) -> Mask:
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
    ndarray or PackedMask
        True in such rows and columns, shape (H, W).
    """
    found = mask_of(pixels)
    fc = _WIDEST_CUTOFF if cutoff is None else cutoff
    if fc > _WIDEST_CUTOFF:
        # A line of light may be no wider than a pixel.
        return found
    for axis in (0, 1):
        for line in np.flatnonzero(_lines(pixels, axis, round(fc, 3), noise, step, hidden)).tolist():
            places = [slice(0, side) for side in pixels.shape]
            places[axis] = slice(line, line + 1)
            found[places[0], places[1]] = True
    return found


def _lines(
    pixels: Plane, axis: int, fc: float, noise: PoissonGaussianNoise, step: float, hidden: Mask
) -> NDArray[np.bool_]:
    """Find rows, or columns."""
    found = np.zeros(pixels.shape[axis], bool)
    if len(found) < _SHORTEST:
        return found
    high, low = percentiles(pixels, (99, 1))
    for _ in range(_ROUNDS):
        fresh = _sharp(_summed(pixels, axis, hidden, found), high - low, fc, noise, step) & ~found
        if not fresh.any():
            break
        found |= fresh
    return found if found.mean() <= _MOST else np.zeros_like(found)


class _Means(NamedTuple):
    """Of lines, seen at the places that are seen in all their neighbours.

    Attributes
    ----------
    places
        How many these are, shape (n,).
    own
        Means of the lines, shape (n,).
    others
        Means of their neighbours, shape (2 `_NEAR`, n).
    """

    places: NDArray[np.intp]
    own: Array
    others: Array


def _summed(pixels: Plane, axis: int, hidden: Mask, found: NDArray[np.bool_]) -> _Means:
    """Sum lines up, band by band; in the place of those that were found, the nearest others stand as neighbours."""
    length = pixels.shape[axis]
    inner = length - 2 * _NEAR
    good = np.flatnonzero(~found)
    after = np.searchsorted(good, np.arange(length))
    above, below = good[np.maximum(after - 1, 0)], good[np.minimum(after, len(good) - 1)]
    count, own, others = np.zeros(inner, np.intp), np.zeros(inner), np.zeros((2 * _NEAR, inner))
    for lines, window, out, stand in _parts(pixels, axis, hidden, found, above, below):
        n = len(window) - 2 * _NEAR
        seen = np.ones((n, window.shape[1]), bool)
        for k in range(2 * _NEAR + 1):
            seen &= ~out[k : k + n]
        count[lines] += seen.sum(axis=1)
        own[lines] += np.where(seen, window[_NEAR : _NEAR + n], 0).sum(axis=1, dtype=np.float64)
        for row, k in enumerate(k for k in range(2 * _NEAR + 1) if k != _NEAR):
            others[row, lines] += np.where(seen, stand[k : k + n], 0).sum(axis=1, dtype=np.float64)
    whole = np.maximum(count, 1)
    return _Means(count, own / whole, others / whole)


def _parts(
    pixels: Plane,
    axis: int,
    hidden: Mask,
    found: NDArray[np.bool_],
    above: NDArray[np.intp],
    below: NDArray[np.intp],
) -> Iterator[tuple[slice, Pixels, NDArray[np.bool_], Pixels]]:
    """Yield which of the inner lines a part has, the lines with their neighbours, what is hidden, and stand-ins."""
    height, width = pixels.shape
    if axis == 1:
        # Columns are summed over the rows of each band: all their neighbours are there.
        for rows, _, _ in bands(pixels.shape):
            place = rows, slice(0, width)
            window = pixels[place].T
            stand = window
            if found.any():
                stand = window.copy()
                stand[found] = (window[above[found]] + window[below[found]]) / 2
            yield slice(0, width - 2 * _NEAR), window, hidden[place].T, stand
        return
    for rows, _, _ in bands((height - 2 * _NEAR, width)):
        around = slice(rows.start, rows.stop + 2 * _NEAR)
        window = pixels[around, slice(0, width)]
        stand = window
        if found[around].any():
            stand = window.copy()
            for line in np.flatnonzero(found[around]).tolist():
                pair = [pixels[i : i + 1, slice(0, width)][0] for i in (above[around][line], below[around][line])]
                stand[line] = (pair[0] + pair[1]) / 2
        yield rows, window, hidden[around, slice(0, width)], stand


def _sharp(means: _Means, contrast: float, fc: float, noise: PoissonGaussianNoise, step: float) -> NDArray[np.bool_]:
    """Find the lines that exceed what their neighbours allow; the outer ones are not judged."""
    count, own, others = means
    low, high = others.min(axis=0), others.max(axis=0)
    # Two of the neighbours may be out of order themselves.
    usual = np.sort(others, axis=0)[[2, -3]]
    pixel = np.sqrt(noise.variance(np.maximum(own, 0)))
    slack = _SIGMAS * pixel / np.sqrt(np.maximum(count, 1))
    least = usual[1] - usual[0] + np.maximum(np.maximum(_VISIBLE * pixel, step), _LEAST * contrast)
    sharp = np.zeros(len(own), bool)
    for sign, floor, ceiling in ((1.0, low, usual[1]), (-1.0, high, usual[0])):
        for distance, limit in zip((1, 2), sharpest_lines(fc), strict=True):
            around = (others[_NEAR - distance] + others[_NEAR + distance - 1]) / 2
            most = limit * np.maximum(sign * (around - floor), 0.0)
            risen = sign * (own - floor) - most > slack * math.hypot(1, limit)
            sharp |= risen & (sign * (own - ceiling) > least)
    return np.pad(sharp & (count >= _SHORTEST), _NEAR)


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
