"""Levels of a pyramid: copies of an image, each of half the size of the one before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.sinks.array import empty_result, rounded
from napari_deepblur.io.sinks.base import Region

SMALLEST_LEVEL = 512
"""Longest side at which a pyramid ends."""

_BAND = 512
"""Rows of a level that are made at once."""


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
    finer = _planes(array, colours)
    for sides in coarser_sides(finer.shape[-2:]):
        shape = (*finer.shape[:-2], *sides)
        level = empty_result((*shape[1:], shape[0]) if colours else shape, array.dtype)
        coarser = _planes(level, colours)
        bands = [(slice(top, min(top + _BAND, sides[0])), slice(0, sides[1])) for top in range(0, sides[0], _BAND)]
        for index, region, pixels in halved_parts(finer, bands):
            coarser[index + region] = pixels
        levels.append(level)
        finer = coarser
    return levels


def coarser_sides(sides: Sequence[int]) -> list[tuple[int, int]]:
    """Return rows and columns of the levels below an image of so many rows and columns, finest first."""
    found = [(sides[0], sides[1])]
    while max(found[-1]) > SMALLEST_LEVEL:
        found.append((math.ceil(found[-1][0] / 2), math.ceil(found[-1][1] / 2)))
    return found[1:]


def halved_parts(finer: Any, regions: Sequence[Region]) -> Iterator[tuple[tuple[int, ...], Region, NDArray[Any]]]:
    """Yield the parts of the level below another, read when its turn comes, in the type of its pixels.

    Parameters
    ----------
    finer
        The other: rows and columns last.
    regions
        Rows and columns of the parts of a plane, in the level below.

    Yields
    ------
    tuple
        Which plane, which region, and its pixels, each the mean of four.
    """
    for index in np.ndindex(*finer.shape[:-2]):
        for region in regions:
            four = finer[(*index, *(slice(2 * part.start, 2 * part.stop) for part in region))]
            yield index, region, rounded(halved(four), finer.dtype)


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
