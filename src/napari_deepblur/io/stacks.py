"""Series, stacks, channels and colours of image files, with the names of their axes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_deepblur.io.images import UNREADABLE, read_image

_COLOURS = (3, 4)


def read_stack(path: str | os.PathLike[str]) -> tuple[NDArray[Any], str]:
    """Read all planes of a TIFF, PNG or JPEG file; of a TIFF file the first series.

    Parameters
    ----------
    path
        The file. What lies in it as it lies in memory is not read but mapped.

    Returns
    -------
    tuple
        Array, in the file's own type, without axes of length one except rows and columns; and a letter for each axis
        as the file names them, ``?`` where it does not. The last axis of a colour image is S, 3 or 4 long.

    Raises
    ------
    ImageError
        If the file is missing, unreadable, or in another format.
    """
    source = Path(path)
    if source.suffix.lower() in (".tif", ".tiff") and source.is_file():
        try:
            with tifffile.TiffFile(source) as file:
                series = file.series[0]
                return _squeezed(np.asanyarray(series.asarray(out="memmap")), str(series.axes))
        except UNREADABLE:
            # Other decoders may know it; if not, they say what is wrong.
            pass
    image = read_image(source)
    colour = image.ndim == 3 and image.shape[-1] in _COLOURS
    return image, "?" * (image.ndim - 2 - colour) + "YX" + "S" * colour


def _squeezed(array: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    """Drop axes of length one, and put colours last; an axis of other than 3 or 4 samples is one of channels."""
    if "Y" not in axes or "X" not in axes:
        axes = "?" * (array.ndim - 2) + "YX"
    kept = [i for i, letter in enumerate(axes) if letter in "YX" or array.shape[i] > 1]
    array = array.reshape([array.shape[i] for i in kept])
    axes = "".join(axes[i] for i in kept)
    if "S" in axes and array.shape[axes.index("S")] not in _COLOURS:
        axes = axes.replace("S", "C" if "C" not in axes else "?")
    if "S" in axes:
        array = np.moveaxis(array, axes.index("S"), -1)
        axes = axes.replace("S", "") + "S"
    return array, "".join(letter if letter in "TPZCSYX" else "?" for letter in axes)
