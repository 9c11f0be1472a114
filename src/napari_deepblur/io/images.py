"""Images: reading and writing files without ever losing one."""

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
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.io.output import check_writable as check_writable
from napari_deepblur.io.pixel_size import read_pixel_size_um as read_pixel_size_um

_GRAY_MODES = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
"""Modes of Pillow whose numbers are intensities; those of a palette are not."""

# What decoders raise on foreign or damaged files.
UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, SyntaxError, EOFError, MemoryError, struct.error, zlib.error,
    tifffile.TiffFileError, UnidentifiedImageError, Image.DecompressionBombError,
)  # fmt: skip


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
