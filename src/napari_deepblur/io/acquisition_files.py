"""How an image was taken, read from its file without reading its pixels."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import tifffile

from napari_deepblur.io.acquisition import Acquisition, as_number, in_um, said_by
from napari_deepblur.io.bioio_metadata import BIOIO_SUFFIXES, read_with_bioio
from napari_deepblur.io.ome_xml import read_ome_xml

_INCH, _CENTIMETRE = 2, 3
_UNIT_OF_TAG = {_INCH: 25400.0, _CENTIMETRE: 10000.0}
"""Micrometres in the units that TIFF itself knows."""

# Damaged files, and metadata that miss what they should have.
_UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, struct.error,
    tifffile.TiffFileError,
)  # fmt: skip


def read_acquisition(path: str | os.PathLike[str]) -> Acquisition:
    """Read how an image was taken.

    TIFF files are asked for their OME-XML, then for ImageJ's metadata, then for a resolution. LIF and ND2 files need
    the extra ``napari-deepblur[bioio]``, CZI files the package bioio-czi.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Acquisition
        Empty where the file says nothing, is damaged, missing or in a format that has no such metadata: whether its
        pixels can be read is for others to say.

    Raises
    ------
    ImageError
        If a package that could read the format is not installed.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if not source.is_file():
        return Acquisition()
    if suffix in BIOIO_SUFFIXES:
        return read_with_bioio(source)
    if suffix not in (".tif", ".tiff"):
        return Acquisition(source=str(source))
    try:
        with tifffile.TiffFile(source) as file:
            return tiff_acquisition(file, str(source))
    except _UNREADABLE:
        return Acquisition(source=str(source))


def tiff_acquisition(file: tifffile.TiffFile, source: str = "") -> Acquisition:
    """Read how the first image of an open TIFF file was taken.

    Parameters
    ----------
    file
        The open file.
    source
        Its path.

    Raises
    ------
    ImageError
        If its OME-XML is damaged.
    """
    axes = said_by("TIFF", source, axes=file.series[0].axes) if file.series else Acquisition(source=source)
    if file.ome_metadata:
        return axes.or_else(read_ome_xml(file.ome_metadata, source))
    said: dict[str, Any] = file.imagej_metadata or {}
    unit = said.get("unit")
    if unit is not None:
        sides = tuple(_resolution(file, axis, in_um(1, str(unit))) for axis in "YX")
        spacing = in_um(said["spacing"], str(unit)) if "spacing" in said else None
        found = said_by("ImageJ metadata", source, pixel_size_um=_both(sides), plane_spacing_um=spacing)
    else:
        tags = file.pages.first.tags
        factor = _UNIT_OF_TAG.get(int(tags["ResolutionUnit"].value)) if "ResolutionUnit" in tags else None
        found = said_by(
            "TIFF resolution", source, pixel_size_um=_both(_resolution(file, axis, factor) for axis in "YX")
        )
    return axes.or_else(found)


def _resolution(file: tifffile.TiffFile, axis: str, unit_um: float | None) -> float | None:
    """Side of a pixel in micrometres, from the number of pixels in a unit of that many micrometres."""
    tag = file.pages.first.tags.get(f"{axis}Resolution")
    if tag is None or unit_um is None:
        return None
    pixels, length = (as_number(number) for number in tag.value)
    return unit_um * length / pixels if pixels and length else None


def _both(sides: Any) -> tuple[float, float] | None:
    height, width = sides
    if width is None:
        return None
    return (width if height is None else height, width)
