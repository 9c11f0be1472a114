"""What the attributes of OME-Zarr say about an image."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.acquisition import Acquisition, in_seconds, in_um, said_by
from napari_deepblur.io.ome_xml import read_ome_xml
from napari_deepblur.io.taken_planes import TakenPlanes
from napari_deepblur.io.zarr_places import placed

OWN = "napari-deepblur"
"""Attribute that holds what this program wrote beside what OME-Zarr has a place for."""

PLANES = "planes"
"""Of these, where and when each plane was taken."""

XML = Path("OME", "METADATA.ome.xml")
"""What bioformats2raw puts into its stores, for all their images."""

OPTICS = ("na", "n_immersion", "wavelengths_um")
"""Facts about the optics, which OME-Zarr has no place for."""

_ORIGIN = "OME-Zarr"
_OF_KIND = {"time": "T", "channel": "C"}


def letters_of(axes: Sequence[Mapping[str, Any]]) -> str:
    """Return a letter for each axis, by its name, or else by its kind; ``?`` where neither tells."""
    spaces = [place for place, axis in enumerate(axes) if axis.get("type") == "space"]
    by_place = dict(zip(spaces[::-1], "XYZ", strict=False))
    letters = ""
    for place, axis in enumerate(axes):
        name = str(axis.get("name", "")).upper()
        letters += name if name in tuple("TCZYX") else _OF_KIND.get(str(axis.get("type")), by_place.get(place, "?"))
    return letters


def read_attributes(
    scales: Mapping[str, Any],
    group: Mapping[str, Any],
    letters: str,
    shape: Sequence[int],
    source: Path,
    described: tuple[Path, int],
) -> Acquisition:
    """Read how an image was taken.

    Parameters
    ----------
    scales
        Its entry of ``multiscales``.
    group
        All attributes of its group.
    letters, shape
        Those of its axes, and their lengths.
    source
        The store.
    described
        The store whose OME-XML describes the image, and the number of the image in that.
    """
    ome = ome_of(group)
    axes = scales["axes"]
    steps, start = np.ones(len(letters)), np.zeros(len(letters))
    stated = False
    for transforms in (scales["datasets"][0].get("coordinateTransformations"), scales.get("coordinateTransformations")):
        for transform in transforms or ():
            scale = transform.get("scale")
            if transform.get("type") == "scale" and isinstance(scale, Sequence) and len(scale) == len(letters):
                factors, stated = np.asarray(scale, float), True
                steps, start = steps * factors, start * factors
            start = start + _shift(transform, len(letters))
    values: dict[str, Any] = {}
    sides: dict[str, float | None] = {}
    for letter, axis, step in zip(letters, axes, steps, strict=True):
        unit = str(axis.get("unit", ""))
        if letter in "ZYX" and stated:
            sides[letter] = in_um(abs(step), unit)
        elif letter == "T" and stated:
            values["time_increment_s"] = in_seconds(step, unit)
    if sides.get("Y") and sides.get("X"):
        values["pixel_size_um"] = (sides["Y"], sides["X"])
    values["plane_spacing_um"] = sides.get("Z")
    own = _own(group, source)
    units = [str(axis.get("unit", "")) for axis in axes]
    values["planes"] = placed(own.planes, letters, shape, units, start, steps)
    omero = ome.get("omero")
    channels = omero.get("channels") if isinstance(omero, Mapping) else None
    # They are for display: what is none of them says nothing, and costs no pixels.
    known = [one if isinstance(one, Mapping) else {} for one in channels] if isinstance(channels, list) else []
    values["channels"] = tuple(str(channel.get("label") or "") for channel in known)
    values["channel_colours"] = tuple(str(channel.get("color") or "").removeprefix("#") for channel in known)
    said = said_by(_ORIGIN, str(source), axes=letters, **values)
    return said.or_else(own).or_else(_beside(source, *described))


def _shift(transform: Mapping[str, Any], count: int) -> NDArray[np.float64]:
    """Return how far a transform moves an image along each axis."""
    shift = transform.get("translation")
    if transform.get("type") != "translation" or not isinstance(shift, Sequence) or len(shift) != count:
        return np.zeros(count)
    return np.asarray(shift, float)


def ome_of(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of OME among all attributes: version 0.5 has them under a key of their own."""
    inner = attributes.get("ome")
    return inner if isinstance(inner, Mapping) else attributes


def _own(group: Mapping[str, Any], source: Path) -> Acquisition:
    """Read what this program wrote into the store itself."""
    own = group.get(OWN)
    optics = own.get("optics") if isinstance(own, Mapping) else None
    if not isinstance(own, Mapping) or not isinstance(optics, Mapping):
        return Acquisition(source=str(source))
    values = {name: optics[name] for name in OPTICS if name in optics}
    values["planes"] = TakenPlanes.from_json(own.get(PLANES))
    if not isinstance(values.get("wavelengths_um", []), Sequence):
        del values["wavelengths_um"]
    return said_by(OWN, str(source), **{**values, "wavelengths_um": tuple(values.get("wavelengths_um", ()))})


def _beside(source: Path, store: Path, image: int) -> Acquisition:
    """Read the OME-XML that bioformats2raw puts into its stores."""
    file = store / XML
    try:
        return read_ome_xml(file.read_text(encoding="utf-8"), str(source), image)
    except FileNotFoundError:
        pass
    except (OSError, UnicodeError, ImageError) as error:
        warnings.warn(f"{file} is not read: {error}", AssumptionWarning, stacklevel=2)
    return Acquisition(source=str(source))
