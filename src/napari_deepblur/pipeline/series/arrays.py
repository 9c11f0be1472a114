"""Arrays of any number of axes: read, and written, one frame at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.axes import frame_slices, part_slices
from napari_deepblur.io.lazy_image import reads_parts
from napari_deepblur.io.sinks import Region, write_part
from napari_deepblur.plane import SourcePlane

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue in the luminance, ITU-R BT.709."""


class Frames(Protocol):
    """An array that can be read in parts: of NumPy, a memory map, dask, zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read a part."""


def result_type(axes: str, array: Any) -> np.dtype[Any]:
    """Type of the result's pixels: float32, but that of the input for colours in whole numbers, to be shown as such."""
    kind = np.dtype(getattr(array, "dtype", np.float32))
    return kind if axes.endswith("S") and kind.kind in "ui" else np.dtype(np.float32)


def lazy_frame(array: Frames, axes: str, index: Sequence[int]) -> Any:
    """One frame as (rows, columns), read now or, where the array is lazy itself, in parts when they are needed."""
    plane = array[frame_slices(axes, index)]
    return plane if axes.index("Y") < axes.index("X") else plane.T


def lazy_volume(array: Frames, axes: str, index: Sequence[int]) -> Any:
    """One stack as (planes, rows, columns), at a position along the axes that are none of these."""
    place = iter(index)
    stack = array[tuple(slice(None) if letter in "ZYX" else next(place) for letter in axes)]
    return stack.transpose([[letter for letter in axes if letter in "ZYX"].index(letter) for letter in "ZYX"])


def read_frame(array: Frames, axes: str, index: Sequence[int]) -> NDArray[Any]:
    """Read one frame as (rows, columns), and nothing else of the array; of a masked array with its mask."""
    return read(lazy_frame(array, axes, index))


def source_plane(array: Frames, axes: str, index: Sequence[int]) -> SourcePlane:
    """One frame as (rows, columns), read by regions."""
    rows, columns = axes.index("Y"), axes.index("X")
    if not reads_parts(array.colours if isinstance(array, Luminance) else array):
        # Read once, in its own type, rather than for each region again.
        plane = read_frame(array, axes, index)
        return SourcePlane((plane.shape[0], plane.shape[1]), lambda region: plane[region])

    def read_region(region: Region) -> NDArray[Any]:
        part = read(array[part_slices(axes, index, region)])
        return part if rows < columns else part.T

    return SourcePlane((array.shape[rows], array.shape[columns]), read_region)


def read(part: Any) -> NDArray[Any]:
    """Read a part of an array, which stays masked if it is."""
    return part if isinstance(part, np.ma.MaskedArray) else np.asarray(part)


def write_frame(array: NDArray[Any], axes: str, index: Sequence[int], plane: NDArray[np.float32]) -> None:
    """Write one frame (rows, columns); into an array of integers rounded, and cut to their range."""
    write_part(array, axes, index, whole(plane.shape), plane)


def whole(shape: Sequence[int]) -> Region:
    """All rows and columns of a plane."""
    return slice(0, shape[0]), slice(0, shape[1])


class Luminance:
    """The luminance of an RGB array, read in parts: 0.2126 R + 0.7152 G + 0.0722 B.

    Parameters
    ----------
    colours
        The array; its last axis holds red, green, blue, and perhaps a transparency, which is left out.

    Attributes
    ----------
    colours
        As above.
    """

    def __init__(self, colours: Frames) -> None:
        self.colours = colours

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, without that of the colours."""
        return tuple(self.colours.shape[:-1])

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        """Read a part."""
        colours = read(self.colours[key])[..., :3]
        luminance: NDArray[np.float64] = np.asarray(colours) @ LUMINANCE
        if isinstance(colours, np.ma.MaskedArray):
            # What one colour does not show has no brightness.
            return np.ma.MaskedArray(luminance, np.ma.getmaskarray(colours).any(axis=-1))
        return luminance
