"""How an image was taken, from the formats of microscope makers, through bioio."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition, read_objective, said_by
from napari_deepblur.io.ome_xml import read_ome_xml

BIOIO_SUFFIXES = {".lif": "bioio_lif", ".nd2": "bioio_nd2", ".czi": "bioio_czi"}
"""Formats of microscope makers, and the packages by which bioio reads them.

The one for CZI is under the GPL: it is used where the user has installed it, and no extra of this package brings it.
"""

_LOG = logging.getLogger(__name__)

# What bioio and the readers below it raise on foreign or damaged files, and on what a format does not have.
_UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, RuntimeError,
)  # fmt: skip


def read_with_bioio(path: Path) -> Acquisition:
    """Read how an image was taken from a LIF, ND2 or CZI file.

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
    if find_spec("bioio") is None or find_spec(BIOIO_SUFFIXES[path.suffix.lower()]) is None:
        raise ImageError(_missing(path))
    from bioio import BioImage

    try:
        image = BioImage(path)
    except Exception as error:
        # Each reader has errors of its own, and bioio's is none of the built-in ones.
        _LOG.info("%s cannot be opened by bioio: %s", path, error)
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
    extra = "bioio bioio-czi (under the GPL)" if kind == "CZI" else '"napari-deepblur[bioio]"'
    return (
        f"How {path.name} was taken cannot be read: bioio and its reader for {kind} files are not installed. Install "
        f"them with pip install {extra}, or enter the numbers of the microscope by hand."
    )
