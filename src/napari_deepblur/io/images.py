"""Images: reading and writing files without ever losing one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.compression import Compression
from napari_deepblur.io.formats.format import Scene
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.output import check_writable as check_writable
from napari_deepblur.io.pixel_size import read_pixel_size_um as read_pixel_size_um


def read_image(path: str | os.PathLike[str], scene: Scene = None) -> NDArray[Any]:
    """Read one image of a file into memory.

    Parameters
    ----------
    path
        The file, of any format of `open_image`.
    scene
        Which of its images, where there are several.

    Returns
    -------
    ndarray
        In the file's own type, with axes of length one removed; the last axis of a colour image is 3 or 4 long.

    Raises
    ------
    ImageError
        As `open_image`.
    """
    with open_image(path, scene) as image:
        array = np.asarray(image)
    return np.squeeze(array)


def write_tiff(
    path: str | os.PathLike[str],
    image: Any,
    *,
    pixel_size_um: float | None = None,
    axes: str = "YX",
    record: Mapping[str, Any] | None = None,
    acquisition: Acquisition | None = None,
    compression: Compression = "zlib",
    coarser: Sequence[Any] = (),
) -> None:
    """Write an OME-TIFF file with its pixel size, whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced in one step once the new one is complete.
    image
        Pixels, float32 or another type that OME-TIFF knows: an array, or what is indexed like one.
    pixel_size_um
        Pixel size in micrometres, square.
    axes
        Letters of the axes.
    record
        How the image was made, as JSON knows it.
    acquisition
        How it was taken; axes, and the pixel size where there is one, are those above.
    compression, coarser
        As `write_ome_tiff` knows them.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is unharmed.
    """
    kept = None if record is None else {"metadata": dict(record)}
    taken = replace(acquisition or Acquisition(), axes=axes)
    if pixel_size_um is not None:
        taken = replace(taken, pixel_size_um=(pixel_size_um, pixel_size_um))
    write_ome_tiff(path, image, taken, name=Path(path).name, record=kept, compression=compression, coarser=coarser)
