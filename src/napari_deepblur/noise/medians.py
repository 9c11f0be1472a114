"""Medians over 3 x 3 pixels, by exchanges of whole arrays: many times as fast as a rank filter, and the same values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def median_of_nine(pixels: Array) -> Array:
    """Median of each pixel and its eight neighbours.

    With the three values of each column in order, the median of the nine is that of three: the largest of the lowest,
    the median of the middle ones, the lowest of the largest.

    Parameters
    ----------
    pixels
        One image, shape (H, W), finite; mirrored at its border without repeating the outermost pixels.

    Returns
    -------
    ndarray
        Shape (H, W).

    Notes
    -----
    Source: D. E. Knuth, The Art of Computer Programming, volume 3, section 5.3.4, on networks of exchanges.
    """
    padded = np.pad(pixels, 1, mode="reflect")
    low, middle, high = _in_order(padded[:-2], padded[1:-1], padded[2:])
    largest_low = np.maximum(np.maximum(low[:, :-2], low[:, 1:-1]), low[:, 2:])
    lowest_high = np.minimum(np.minimum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    return _middle(largest_low, _middle(middle[:, :-2], middle[:, 1:-1], middle[:, 2:]), lowest_high)


def _in_order(a: Array, b: Array, c: Array) -> tuple[Array, Array, Array]:
    a, b = np.minimum(a, b), np.maximum(a, b)
    b, c = np.minimum(b, c), np.maximum(b, c)
    return np.minimum(a, b), np.maximum(a, b), c


def _middle(a: Array, b: Array, c: Array) -> Array:
    return np.asarray(np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c)))
