"""Images: what can be processed, and reading and writing files without ever losing one."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray
from PIL import Image, UnidentifiedImageError

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.io.output import check_writable as check_writable
from napari_deepblur.io.pixel_size import read_pixel_size_um as read_pixel_size_um

SMALLEST_SIDE = 16
"""Images with a shorter side hold too little to process."""

_LARGEST_VALUE = 1e30
"""Beyond it the squares of intensities leave the range of float32."""

_GRAY_MODES = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
"""Modes of Pillow whose numbers are intensities; those of a palette are not."""

# What decoders raise on foreign or damaged files.
UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, SyntaxError, EOFError, MemoryError, struct.error, zlib.error,
    tifffile.TiffFileError, UnidentifiedImageError, Image.DecompressionBombError,
)  # fmt: skip


def check_image(image: ArrayLike, smallest: int = SMALLEST_SIDE) -> NDArray[np.float32]:
    """Turn an image into a contiguous float32 array, or say what is wrong with it.

    Parameters
    ----------
    image
        Any real numeric type and byte order, shape (H, W).
    smallest
        Length that each side must have at least, usually that of the PSF.

    Returns
    -------
    ndarray
        float32 copy or view in native byte order, shape (H, W).

    Raises
    ------
    ImageError
        If the image has not two axes, is too small, is not numeric, holds NaN or infinity, or is constant.
    """
    array = np.asarray(image)
    if array.dtype.kind not in "buif":
        raise ImageError(f"The image has the type {array.dtype}, expected integers or real numbers.")
    if array.ndim != 2:
        hint = " Convert colours to one channel first." if array.ndim == 3 and array.shape[-1] in (3, 4) else ""
        raise ImageError(
            f"The image has {array.ndim} axes, shape {array.shape}; expected one plane of shape (rows, columns).{hint}"
        )
    if min(array.shape) < max(smallest, SMALLEST_SIDE):
        raise ImageError(
            f"The image has {array.shape[0]} x {array.shape[1]} pixels, expected at least "
            f"{max(smallest, SMALLEST_SIDE)} a side: it must not be smaller than the PSF. Crop less, or shrink the PSF."
        )
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    usable = np.abs(values) <= _LARGEST_VALUE
    if not usable.all():
        bad = int(usable.size - usable.sum())
        raise ImageError(
            f"{bad} of {usable.size} pixels are NaN, infinite or beyond {_LARGEST_VALUE:g}. Replace them, or crop them "
            "away, before deblurring."
        )
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise ImageError(
            f"All pixels have the same value, {low:g}: there is nothing to deblur. Is the camera's lid on?"
        )
    return values


def read_image(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a TIFF, PNG or JPEG file as it is.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ndarray
        In the file's own type, with axes of length one removed; the last axis of a colour image is 3 or 4 long.

    Raises
    ------
    ImageError
        If the file is missing, unreadable, or in another format.
    """
    source = Path(path)
    if not source.is_file():
        raise ImageError(f"There is no image file {source}. Check the path.")
    try:
        if source.suffix.lower() in (".tif", ".tiff"):
            return np.squeeze(_read_tiff(source))
        return np.squeeze(_read_with_pillow(source))
    except UNREADABLE as error:
        raise ImageError(
            f"{source} cannot be read as an image ({error}). Expected TIFF, PNG or JPEG; is the file complete?"
        ) from error


def _read_tiff(source: Path) -> NDArray[Any]:
    try:
        return np.asarray(tifffile.imread(source))
    except ValueError as error:
        # Some compressions, LZW among them, tifffile leaves to an optional package; Pillow knows them for one plane.
        if "imagecodecs" not in str(error):
            raise
        with tifffile.TiffFile(source) as file:
            if len(file.pages) > 1:
                raise
        return _read_with_pillow(source)


def _read_with_pillow(source: Path) -> NDArray[Any]:
    with Image.open(source) as file:
        if file.mode in _GRAY_MODES:
            return np.asarray(file)
        return np.asarray(file.convert("L" if file.mode in ("LA", "La") else "RGB"))


def write_tiff(
    path: str | os.PathLike[str],
    image: NDArray[Any],
    *,
    pixel_size_um: float | None = None,
    axes: str = "YX",
    record: Mapping[str, Any] | None = None,
    acquisition: Acquisition | None = None,
) -> None:
    """Write an OME-TIFF file with its pixel size, whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced in one step once the new one is complete.
    image
        Pixels, float32 or another type that OME-TIFF knows.
    pixel_size_um
        Pixel size in micrometres, square.
    axes
        Letters of the axes.
    record
        How the image was made, as JSON knows it.
    acquisition
        How it was taken; pixel size and axes are those above.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is unharmed.
    """
    sides = None if pixel_size_um is None else (pixel_size_um, pixel_size_um)
    kept = None if record is None else {"metadata": dict(record)}
    taken = replace(acquisition or Acquisition(), pixel_size_um=sides, axes=axes)
    write_ome_tiff(path, image, taken, name=Path(path).name, record=kept)
