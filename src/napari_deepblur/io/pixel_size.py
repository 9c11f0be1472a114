"""The pixel size that an image file states."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import tifffile

_UM = {"um": 1.0, "\u00b5m": 1.0, "\u03bcm": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3}
"""Micrometres in a unit; the letter for micro has two code points."""

_INCH, _CENTIMETRE = 2, 3
_UM_OF_TAG = {_INCH: 25400.0, _CENTIMETRE: 10000.0}
_SMALLEST_UM, _LARGEST_UM = 1e-3, 10.0
"""What a pixel may measure in a sample: the resolution of a TIFF file is often meant for printers."""

# Damaged files, and metadata that are no XML or miss what they should have.
_UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, struct.error,
    tifffile.TiffFileError,
)  # fmt: skip


def read_pixel_size_um(path: str | os.PathLike[str]) -> float | None:
    """Read the pixel size in micrometres from a TIFF file's OME or ImageJ metadata, or from its resolution.

    Parameters
    ----------
    path
        The file; anything but a readable TIFF file has no answer.

    Returns
    -------
    float or None
        The width of a pixel; None where the file does not say, or says what no microscope has (over 10 um).
    """
    source = Path(path)
    if source.suffix.lower() not in (".tif", ".tiff") or not source.is_file():
        return None
    try:
        with tifffile.TiffFile(source) as file:
            size = _stated(file)
    except _UNREADABLE:
        return None
    return size if size is not None and _SMALLEST_UM <= size <= _LARGEST_UM else None


def _stated(file: tifffile.TiffFile) -> float | None:
    if file.ome_metadata:
        return _ome_pixel_size_um(file.ome_metadata)
    tags = file.pages.first.tags
    if "XResolution" not in tags:
        return None
    pixels, length = (float(number) for number in tags["XResolution"].value)
    if file.imagej_metadata and "unit" in file.imagej_metadata:
        # ImageJ writes the letter for micro as an escape sequence.
        unit = str(file.imagej_metadata["unit"]).replace("\\u00B5", "\u00b5").lower()
        factor = _UM.get(unit)
    else:
        factor = _UM_OF_TAG.get(int(tags["ResolutionUnit"].value)) if "ResolutionUnit" in tags else None
    return None if factor is None or not pixels else factor * length / pixels


def _ome_pixel_size_um(ome_xml: str) -> float | None:
    image = tifffile.xml2dict(ome_xml).get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    factor = _UM.get(str(pixels.get("PhysicalSizeXUnit", "um")))
    size = pixels.get("PhysicalSizeX")
    return None if size is None or factor is None else factor * float(size)
