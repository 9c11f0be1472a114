"""How an image was taken, from the formats of microscope makers, through bioio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition, read_objective, said_by
from napari_deepblur.io.ome_xml import read_ome_xml

BIOIO_SUFFIXES = (".lif", ".nd2")
"""Formats whose bioio readers have a permissive licence; the one for CZI is under the GPL."""

# What bioio and the readers below it raise on foreign or damaged files, and on what a format does not have.
_UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, RuntimeError,
)  # fmt: skip


def read_with_bioio(path: Path) -> Acquisition:
    """Read how an image was taken from a LIF or ND2 file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Acquisition
        What OME metadata say where bioio has them, then its pixel sizes, channel names and objective. Empty where the
        file is damaged.

    Raises
    ------
    ImageError
        If bioio, or its reader for the format, is not installed.
    """
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError as error:
        raise ImageError(_missing(path)) from error
    try:
        image = BioImage(path)
    except UnsupportedFileFormatError as error:
        raise ImageError(_missing(path)) from error
    except _UNREADABLE:
        return Acquisition(source=str(path))
    return _from_ome(image, path).or_else(_from_bioio(image, path))


def _from_ome(image: Any, path: Path) -> Acquisition:
    try:
        return read_ome_xml(image.ome_metadata.to_xml(), str(path))
    except _UNREADABLE:
        return Acquisition(source=str(path))


def _from_bioio(image: Any, path: Path) -> Acquisition:
    values: dict[str, Any] = {}
    sizes = _ask(image, "physical_pixel_sizes")
    if sizes is not None:
        if sizes.Y is not None and sizes.X is not None:
            values["pixel_size_um"] = (abs(sizes.Y), abs(sizes.X))
        if sizes.Z is not None:
            # Stages count in either direction.
            values["plane_spacing_um"] = abs(sizes.Z)
    values["channels"] = tuple(map(str, _ask(image, "channel_names") or ()))
    standard = _ask(image, "standard_metadata")
    values |= read_objective(str(getattr(standard, "objective", None) or ""))
    dimensions = _ask(image, "dims")
    values["axes"] = str(getattr(dimensions, "order", ""))
    return said_by(f"{path.suffix[1:].upper()} metadata", str(path), **values)


def _ask(image: Any, name: str) -> Any:
    try:
        return getattr(image, name)
    except _UNREADABLE:
        return None


def _missing(path: Path) -> str:
    kind = path.suffix[1:].upper()
    return (
        f"How {path.name} was taken cannot be read: bioio, which knows {kind} files, is not installed. Install it with "
        f'pip install "napari-deepblur[bioio]", or enter the numbers of the microscope by hand.'
    )
