"""Levels of a pyramid: copies of an image, each of half the size of the one before."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.sinks.array import empty_result, rounded

SMALLEST_LEVEL = 512
"""Longest side at which a pyramid ends."""

_BAND = 1024
"""Rows of a finer level that are read at once."""


def coarser_levels(array: NDArray[Any], colours: bool) -> list[NDArray[Any]]:
    """Make the levels below an array, finest first; those that would fill the memory lie in temporary files.

    Parameters
    ----------
    array
        Shape (..., H, W), or (..., H, W, S) where it has colours.
    colours
        Whether it has.
    """
    levels: list[NDArray[Any]] = []
    finer = array
    while max(_planes(finer, colours).shape[-2:]) > SMALLEST_LEVEL:
        source = _planes(finer, colours)
        rows, columns = (math.ceil(side / 2) for side in source.shape[-2:])
        shape = (*source.shape[:-2], rows, columns)
        level = empty_result((*shape[1:], shape[0]) if colours else shape, array.dtype)
        target = _planes(level, colours)
        for index in np.ndindex(*shape[:-2]):
            for top in range(0, source.shape[-2], _BAND):
                band = halved(source[(*index, slice(top, top + _BAND))])
                target[(*index, slice(top // 2, top // 2 + len(band)))] = rounded(band, array.dtype)
        levels.append(level)
        finer = level
    return levels


def _planes(array: NDArray[Any], colours: bool) -> NDArray[Any]:
    """Return a view with rows and columns last."""
    return np.moveaxis(array, -1, 0) if colours else array


def halved(plane: NDArray[Any]) -> NDArray[Any]:
    """Mean of every two by two pixels; of those that are left at the end of odd sides."""
    odd = [(0, side % 2) for side in plane.shape]
    whole = np.pad(plane, odd, mode="edge") if any(plane.shape[axis] % 2 for axis in (0, 1)) else plane
    kind = np.float64 if plane.dtype.kind in "ui" else plane.dtype
    four = whole.reshape(whole.shape[0] // 2, 2, whole.shape[1] // 2, 2)
    return np.asarray(four.mean((1, 3), dtype=kind))
