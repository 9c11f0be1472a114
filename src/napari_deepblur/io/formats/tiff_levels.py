"""The coarser levels of pyramids in TIFF files: pages that hang below those of the planes (SubIFDs)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.formats.tiff_regions import has_regions, read_region
from napari_deepblur.io.formats.tiff_values import Meaning, page_axes
from napari_deepblur.io.lazy_image import Index, LazyImage, levels_after_first

_MOST = 32
"""Levels; a side of the largest image that a file can hold is not halved more often."""


class PlanePages(NamedTuple):
    """Where the planes of an image are.

    Attributes
    ----------
    at
        Returns the page of a plane by its position.
    letters
        Axes of a page: ``"YX"`` or ``"YXS"``.
    axes, lengths
        The leading axes of the image.
    meant
        Turns the numbers of a page into intensities.
    """

    at: Callable[[Index], Any]
    letters: str
    axes: str
    lengths: tuple[int, ...]
    meant: Meaning


def coarser_levels_of(finest: LazyImage, planes: PlanePages) -> list[LazyImage]:
    """Open the levels below the pages of an image; those of other axes or types are no levels of it."""
    return levels_after_first(_levels(finest, planes), len(planes.lengths))


def _levels(finest: LazyImage, planes: PlanePages) -> Iterator[LazyImage]:
    yield finest
    first = planes.at((0,) * len(planes.lengths))
    for number in range(min(len(first.subifds or ()), _MOST)):
        key = first.pages[number].keyframe
        if str(key.axes) != planes.letters:
            return
        yield _level(planes, number, key, finest.acquisition)


def _level(planes: PlanePages, number: int, key: Any, said: Acquisition) -> LazyImage:
    sides = tuple(int(n) for n in key.shape)
    after, kept, dtype = page_axes(planes.letters, sides, key, True)

    def page(index: Index) -> Any:
        return planes.at(index).pages[number]

    def read(index: Index) -> Any:
        return np.asarray(planes.meant(page(index).asarray(maxworkers=1)))

    def read_part(index: Index, inner: Any) -> Any:
        own = page(index)
        if tuple(own.keyframe.shape) != sides or not has_regions(own):
            return np.asarray(read(index)[inner])
        return np.asarray(planes.meant(read_region(own, *inner)))

    by_parts = planes.letters == after == "YX" and has_regions(page((0,) * len(planes.lengths)))
    shape = (*planes.lengths, *kept)
    return LazyImage(read, planes.axes + after, shape, dtype, said, read_part=read_part if by_parts else None)
