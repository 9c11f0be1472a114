"""The one door by which images come in: any format, one image of a file, lazily, with what the file says about it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.diagnosis import diagnosed
from napari_deepblur.io.formats.czi import CZI
from napari_deepblur.io.formats.format import Format, Scene
from napari_deepblur.io.formats.lif import LIF
from napari_deepblur.io.formats.nd2 import ND2
from napari_deepblur.io.formats.pictures import PICTURE
from napari_deepblur.io.formats.tiff import TIFF
from napari_deepblur.io.formats.zarr import ZARR
from napari_deepblur.io.lazy_image import Index, LazyImage
from napari_deepblur.io.modality import warn_of_modality

FORMATS_KNOWN: tuple[Format, ...] = (TIFF, PICTURE, CZI, LIF, ND2, ZARR)
"""All formats, in the order in which they are asked."""

Read = TypeVar("Read")

_HEAD = 4096

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/+[^/]", re.IGNORECASE)
"""Begins with ``https:`` or the like; a path has one of its slashes only, and one letter is a drive."""

_OTHERS = {
    ".dv": "mrc", ".mrc": "mrcfile", ".oib": "oiffile", ".oif": "oiffile", ".vsi": "bioio-bioformats",
    ".ims": "imaris-ims-file-reader", ".h5": "h5py", ".dcm": "pydicom", ".sif": "sif_parser",
    ".zvi": "bioio-bioformats", ".svs": "openslide-python",
}  # fmt: skip
"""Suffixes of formats that others read."""


def open_image(path: str | os.PathLike[str], scene: Scene = None) -> LazyImage:
    """Open one image of a file; its pixels are read when they are asked for.

    Parameters
    ----------
    path
        A TIFF file of any kind (OME, ImageJ, LSM, STK, NDTiff, BigTIFF), PNG, JPEG, CZI, LIF, ND2, or an OME-Zarr
        folder; the content tells which, and not the suffix.
    scene
        Which of the images of the file: an index from 0, or a name. Where there are several, one must be chosen.

    Returns
    -------
    LazyImage
        With its axes and, in `acquisition`, pixel size, spacing, optics and channels, each with its origin. Axes of
        length one are left out, except rows and columns.

    Raises
    ------
    ImageError
        If the file is missing, damaged, incomplete, of no known format, or holds several images and none was chosen.

    Warns
    -----
    ModalityWarning
        If the file says that it was not taken in wide field.
    """
    source = Path(path)
    with diagnosed(source):
        image = squeezed(format_of(source).opened(source, scene))
    warn_of_modality(source.name, image.acquisition.modality)
    return image


def scene_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of all images of a file; raises `ImageError` as `open_image`."""
    source = Path(path)
    with diagnosed(source):
        return tuple(format_of(source).scenes(source))


def each_image(path: str | os.PathLike[str], read: Callable[[Scene], Read]) -> tuple[int, Iterator[Read]]:
    """Read the image of a file, or where it holds several and one would have to be chosen, each of them.

    Parameters
    ----------
    path
        The file.
    read
        Reads one of its images, as `open_image` calls them: None where there is no choice.

    Returns
    -------
    tuple
        Their number, and what was read of each; those of several are read as they are asked for.

    Raises
    ------
    ImageError
        If the file is damaged.
    """
    try:
        return 1, iter([read(None)])
    except ImageError:
        count = len(scene_names(path))
        if count < 2:
            raise
    return count, map(read, range(count))


def format_of(source: Path) -> Format:
    """Tell the format of a file by its content; raises `ImageError` where there is no file, or none is known."""
    if not source.exists():
        if _ADDRESS.match(str(source)):
            raise ImageError(
                f"{source} is an address of a network, and images are read from files. Download it, or mount it, and "
                "give the path."
            )
        raise ImageError(f"There is no image file {source}. Check the path.")
    head = b""
    if source.is_file():
        with diagnosed(source), open(source, "rb") as opened:
            head = opened.read(_HEAD)
    for known in FORMATS_KNOWN:
        if known.knows(head, source):
            return known
    if source.is_dir():
        raise ImageError(
            f"{source} is a folder, and none of OME-Zarr, which are the folders that are images. Give the files in it, "
            f"such as '{source / '*.tif'}', or the folder that holds zarr.json or .zattrs."
        )
    reader = _OTHERS.get(source.suffix.lower())
    advice = f"The package {reader} reads such files: save it as OME-TIFF with that" if reader else "Is it complete"
    raise ImageError(
        f"{source} cannot be read as an image: its content is none of TIFF, PNG, JPEG, CZI, LIF, ND2 and OME-Zarr. "
        f"{advice}{'.' if reader else '?'}"
    )


def squeezed(image: LazyImage) -> LazyImage:
    """Leave out leading axes of length one."""
    leading = len(image.axes.removesuffix("S")) - 2
    kept = [place for place in range(image.ndim) if place >= leading or image.shape[place] > 1]
    if len(kept) == image.ndim:
        return image

    def position(index: Index) -> Index:
        full = [0] * leading
        for place, one in zip(kept, index, strict=False):
            full[place] = one
        return tuple(full)

    axes = "".join(image.axes[place] for place in kept)
    return LazyImage(
        lambda index: image[position(index)],
        axes,
        [image.shape[place] for place in kept],
        image.dtype,
        with_axes(image.acquisition, axes),
        name=image.name,
        scenes=image.scenes,
        scene=image.scene,
        close=image.close,
        files=image.files,
        read_part=(lambda index, inner: image[(*position(index), *inner)]) if image.reads_parts else None,
        coarser=lambda: [squeezed(level) for level in image.coarser],
    )


def with_axes(acquisition: Acquisition, axes: str) -> Acquisition:
    """Return the same with the axes of the array."""
    from dataclasses import replace

    return replace(acquisition, axes=axes)
