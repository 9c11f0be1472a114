"""Images of TIFF files without OME-XML: the series that tifffile finds in ImageJ, LSM, STK, NDTiff and plain files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError
from napari_deepblur.io.formats.tiff_regions import has_regions, read_region
from napari_deepblur.io.formats.tiff_structure import check_length, check_segments, count_directories
from napari_deepblur.io.formats.tiff_values import meaning, page_axes
from napari_deepblur.io.lazy_image import Index, Inner, ReadPart

_COLOURS = (3, 4)
_MOST_TOGETHER = 2**33
"""Bytes of an image that can only be read as a whole."""

_LETTERS = {"R": "P", "M": "P", "V": "P", "L": "C", "E": "C"}
"""Letters of tifffile that mean what others mean here: regions and tiles are positions, spectra are channels."""

Read = Callable[[Index], NDArray[Any]]


def series_of(file: tifffile.TiffFile, source: Path) -> list[Any]:
    """Return the images of a file; previews of others are left out.

    Raises
    ------
    ImageError
        If the file promises more planes than it holds.
    """
    if file.is_imagej:
        _check_imagej(file, source)
    found = list(file.series)
    full = [series for series in found if not _is_preview(series)]
    return full or found


def read_series(series: Any, source: Path) -> tuple[Read, ReadPart | None, str, tuple[int, ...], Any]:
    """Say how the planes of a series are read.

    Parameters
    ----------
    series
        Of tifffile.
    source
        The file.

    Returns
    -------
    tuple
        A function that reads a plane, one that reads a part of it, where that is less, axes with rows, columns and
        colours at the end, shape, and type.

    Raises
    ------
    ImageError
        If pixels are missing.
    """
    key = series.keyframe
    axes, shape = str(series.axes), tuple(int(n) for n in series.shape)
    if "Y" not in axes or "X" not in axes:
        axes = "?" * (len(shape) - 2) + "YX"
    scientific = series.kind in ("imagej", "stk", "lsm", "ndtiff", "mmstack", "fluoview")
    pages = list(series.pages)
    whole = series.dataoffset is not None and not any(page is None for page in pages)
    if whole and series.dataoffset + math.prod(shape) * key.dtype.itemsize > os.path.getsize(source):
        plane = max(math.prod(shape[-2:]) * key.dtype.itemsize, 1)
        check_length(
            source, math.prod(shape[:-2]), (os.path.getsize(source) - series.dataoffset) // plane, "its description"
        )
        raise ImageError(f"{source} was cut: the pixels of its image of shape {shape} are missing. Copy it again.")
    if not whole:
        check_segments(source, pages)
    tail = next((end for end in ("YXS", "SYX", "YX") if axes.endswith(end)), "")
    lead = len(axes) - len(tail)
    count = math.prod(shape[:lead])
    samples = shape[axes.index("S")] if "S" in axes else 0
    odd = "S" in axes and (tail == "YX" or samples not in (*_COLOURS, 2))
    if tail and not odd and (whole or len(pages) == count):
        after, sides, dtype = page_axes(tail, shape[lead:], key, scientific)
        if samples != 2 or after == "YX":
            meant = meaning(tail, key, scientific)
            lengths = shape[:lead]
            read_part: ReadPart | None = None
            if whole:
                raw = key.dtype.newbyteorder(series.parent.byteorder)
                read = _contiguous(source, series.dataoffset, lengths, shape[lead:], raw, meant)
                if tail == after == "YX":
                    read_part = _rows(source, series.dataoffset, lengths, shape[lead:], raw, meant)
            else:
                read = _by_page(pages, lengths, shape[lead:], meant)
                if tail == after == "YX" and all(map(has_regions, pages)):
                    read_part = _of_page(pages, lengths, meant)
            return read, read_part, _known(axes[:lead]) + after, (*lengths, *sides), dtype
    read, letters, lengths, dtype = _together(series, source, axes, shape)
    # It is in memory.
    return read, lambda index, inner: read(index)[inner], letters, lengths, dtype


def files_of(series: Any) -> list[Path]:
    """Return the files whose planes a series has, where they are several."""
    found = {Path(page.parent.filehandle.path) for page in series.pages if page is not None}
    return sorted(found) if len(found) > 1 else []


def _is_preview(series: Any) -> bool:
    page = series.keyframe
    return bool(page.is_reduced or page.is_thumbnail) if hasattr(page, "is_thumbnail") else bool(page.is_reduced)


def _contiguous(
    source: Path, offset: int, lengths: tuple[int, ...], sides: tuple[int, ...], dtype: Any, meant: Any
) -> Read:
    """Read from the bytes of the file, and never by mapping them: a mapped file that is cut ends the process."""
    values = math.prod(sides)

    def read(index: Index) -> NDArray[Any]:
        number = int(np.ravel_multi_index(index, lengths)) if lengths else 0
        found = np.fromfile(source, dtype, values, offset=offset + number * values * dtype.itemsize)
        if len(found) != values:
            raise ImageError(f"{source} was cut while it was read: plane {number + 1} is missing. Copy it again.")
        native = found.reshape(sides).astype(dtype.newbyteorder("="), copy=False)
        return np.asarray(meant(native))

    return read


def _rows(
    source: Path, offset: int, lengths: tuple[int, ...], sides: tuple[int, ...], dtype: Any, meant: Any
) -> ReadPart:
    """Read rows of planes whose bytes lie in the file one after another."""

    def read(index: Index, inner: Inner) -> NDArray[Any]:
        number = int(np.ravel_multi_index(index, lengths)) if lengths else 0
        rows, columns = inner
        count = (rows.stop - rows.start) * sides[1]
        first = offset + (number * sides[0] + rows.start) * sides[1] * dtype.itemsize
        found = np.fromfile(source, dtype, count, offset=first)
        if len(found) != count:
            raise ImageError(f"{source} was cut while it was read: plane {number + 1} is missing. Copy it again.")
        native = found.reshape(-1, sides[1])[:, columns].astype(dtype.newbyteorder("="), copy=False)
        return np.asarray(meant(native))

    return read


def _of_page(pages: list[Any], lengths: tuple[int, ...], meant: Any) -> ReadPart:
    def read(index: Index, inner: Inner) -> NDArray[Any]:
        number = int(np.ravel_multi_index(index, lengths)) if lengths else 0
        rows, columns = inner
        return np.asarray(meant(read_region(pages[number], rows, columns)))

    return read


def _by_page(pages: list[Any], lengths: tuple[int, ...], sides: tuple[int, ...], meant: Any) -> Read:
    def read(index: Index) -> NDArray[Any]:
        number = int(np.ravel_multi_index(index, lengths)) if lengths else 0
        return np.asarray(meant(np.reshape(pages[number].asarray(maxworkers=1), sides)))

    return read


def _together(series: Any, source: Path, axes: str, shape: tuple[int, ...]) -> tuple[Read, str, tuple[int, ...], Any]:
    """Read an image whose planes do not lie one by one, in memory."""
    if math.prod(shape) * series.dtype.itemsize > _MOST_TOGETHER:
        raise ImageError(
            f"{source} has axes {axes}, shape {shape}, which can only be read as a whole, and is too large for that. "
            "Save it with one plane a page."
        )
    array = np.asarray(series.asarray(maxworkers=1))
    if "S" in axes and shape[axes.index("S")] not in _COLOURS:
        axes = axes.replace("S", "C" if "C" not in axes else "?")
    order = [i for i, letter in enumerate(axes) if letter not in "YXS"]
    order += [axes.index(letter) for letter in "YXS" if letter in axes]
    array, axes = array.transpose(order), "".join(axes[i] for i in order)
    return (lambda index: array[index]), _known(axes), array.shape, array.dtype


def _known(axes: str) -> str:
    """Write the letters of tifffile as those of this program, and ``?`` for what it does not know."""
    known = ""
    for letter in axes:
        meant = _LETTERS.get(letter, letter)
        known += meant if meant in "TPZCSYX" and meant not in known and (meant == letter or meant not in axes) else "?"
    return known


def _check_imagej(file: tifffile.TiffFile, source: Path) -> None:
    """Compare the number of planes that ImageJ's description promises with the bytes of the file."""
    said = file.imagej_metadata or {}
    promised = max(int(said.get("images", 1)), 1)
    page = file.pages.first
    plane = max(page.nbytes, 1)
    if page.is_contiguous and page.dataoffsets:
        found = max((os.path.getsize(source) - page.dataoffsets[0]) // plane, len(file.pages))
    else:
        found = count_directories(source)
    check_length(source, promised, found, "ImageJ's description")
