"""Results as arrays: of NumPy, memory maps, and whatever else takes its parts like one."""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import OutputError
from napari_deepblur.io.axes import part_slices
from napari_deepblur.io.sinks.base import Form, Region, Sink

_LARGEST_IN_MEMORY = 10**9
"""Bytes beyond which a result lies in a temporary file."""


@final
class ArraySink(Sink):
    """A result as an array.

    Parameters
    ----------
    array
        Where to write, of the result's shape: an array of NumPy, a memory map, an array of zarr. By default a new one,
        in a temporary file where it would fill the memory.
    """

    def __init__(self, array: Any = None) -> None:
        self._given, self._array, self._axes = array, array, ""

    @property
    def array(self) -> Any:
        """The array; None before a new one is made."""
        return self._array

    def refusal(self, form: Form) -> str:
        """Say what is wrong with the array that was given; empty where nothing is."""
        if self._given is None:
            return ""
        if tuple(self._given.shape) != form.shape:
            return (
                f"The array for the result has the shape {tuple(self._given.shape)}, but the result {form.shape}, axes "
                f"{form.axes}. Make one of this shape, or let a new one be made."
            )
        kind = np.dtype(self._given.dtype)
        if kind.kind not in "uif":
            return f"The array for the result has the type {kind}, expected {form.dtype} or other real numbers."
        flags = getattr(self._given, "flags", None)
        if flags is not None and not flags.writeable:
            return "The array for the result is read-only. Open the memory map with mode 'r+', or copy the array."
        return ""

    def open(self, form: Form) -> None:
        """Make a new array where none was given."""
        self._axes = form.axes
        if self._given is None:
            self._array = empty_result(form.shape, form.dtype)

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Write a part of a plane."""
        write_part(self._array, self._axes, index, region, pixels)

    def unfinished(self) -> None:
        """Return nothing: an array ends with its run."""

    def finish(self, record: Mapping[str, Any]) -> Any:
        """Return the array; it has no place for the record."""
        if isinstance(self._array, np.memmap):
            self._array.flush()
        return self._array

    def abandon(self) -> None:
        """Let go of a new array; one that was given keeps what was written."""
        self._array = self._given


def write_part(array: Any, axes: str, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
    """Write a part of a plane into an array, as `Sink.write` says."""
    pixels = rounded(pixels, np.dtype(array.dtype))
    array[part_slices(axes, index, region)] = pixels if axes.index("Y") < axes.index("X") else pixels.T


def rounded(pixels: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Round pixels for an array of integers, and cut them to their range."""
    if kind.kind not in "ui":
        return pixels
    limits = np.iinfo(kind)
    return np.asarray(np.clip(np.rint(pixels), limits.min, limits.max))


def waits_beside(path: Path, size: int) -> bool:
    """Tell whether an `empty_result` of so many bytes lies on the same disk as a file to be."""
    try:
        return (
            size > _LARGEST_IN_MEMORY and os.stat(tempfile.gettempdir()).st_dev == path.resolve().parent.stat().st_dev
        )
    except OSError:
        return False


def empty_result(shape: Sequence[int], dtype: Any = np.float32) -> NDArray[Any]:
    """Zeros for a result; in a temporary file, which goes with the array, where they would fill the memory.

    Raises
    ------
    OutputError
        If the disk has no room for the file.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= _LARGEST_IN_MEMORY:
        return np.zeros(shape, dtype)
    # Open as long as the array lives, and gone with it.
    file = tempfile.TemporaryFile(prefix="napari-deepblur-")
    try:
        # Reserved now: where a mapped file finds the disk full later, the program is killed without a word.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        array = np.memmap(file, dtype=dtype, mode="w+", shape=tuple(shape))
    except OSError as error:
        file.close()
        raise OutputError(
            f"There is no room for a result of {size / 2**30:.1f} GiB in {tempfile.gettempdir()} ({error.strerror}). "
            "Make some, or name another folder in the environment variable TMPDIR."
        ) from error
    weakref.finalize(array, file.close)
    return array
