"""What the metadata of a CZI file say about how its image was taken."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element

from napari_deepblur.io.acquisition import Acquisition, as_number, immersion_index, read_objective, said_by
from napari_deepblur.io.modality import modality_in
from napari_deepblur.io.ome_xml import parse_xml
from napari_deepblur.io.taken_planes import PlaneTaken

_ORIGIN = "CZI metadata"


def czi_metadata(text: str, source: str, axes: str, channels: int) -> Acquisition:
    """Read how an image was taken.

    Parameters
    ----------
    text
        The XML of the file.
    source
        The file.
    axes
        Those of the array.
    channels
        Number of its channels.
    """
    root = parse_xml(text)
    information = root.find("Metadata/Information")
    if information is None:
        return said_by("CZI", source, axes=axes)
    values: dict[str, Any] = {}
    sizes = {
        item.get("Id", ""): as_number(item.findtext("Value"))
        for item in root.iterfind("Metadata/Scaling/Items/Distance")
    }
    y, x, z = (sizes.get(axis) for axis in "YXZ")
    if y and x:
        values["pixel_size_um"] = (1e6 * y, 1e6 * x)
    if z and "Z" in axes:
        values["plane_spacing_um"] = 1e6 * z
    image = information.find("Image")
    image = Element("Image") if image is None else image
    values["time_increment_s"] = _increment(image)
    found = image.findall("Dimensions/Channels/Channel")[:channels]
    values["channels"] = tuple(channel.get("Name", "") for channel in found)
    nanometres = [as_number(channel.findtext("EmissionWavelength")) for channel in found]
    values["wavelengths_um"] = tuple(None if value is None else 1e-3 * value for value in nanometres)
    words = [channel.findtext(name, "") for channel in found for name in ("AcquisitionMode", "ContrastMethod")]
    detectors = [item.get("Name", "") for item in information.iterfind("Instrument/Detectors/Detector")]
    values["modality"] = modality_in(*words, *(name for name in detectors if "airyscan" in name.lower()))
    optics, named = _optics(information, image)
    said = said_by(_ORIGIN, source, **values, **optics).or_else(said_by("engraving", source, **named))
    return said_by("CZI", source, axes=axes).or_else(said)


def scene_place(text: str, scene: int) -> PlaneTaken:
    """Return where the stage was at a scene, in micrometres, as far as the list of scenes says it.

    Parameters
    ----------
    text
        The XML of the file.
    scene
        Its number.
    """
    listed = parse_xml(text).iterfind("Metadata/Information/Image/Dimensions/S/Scenes/Scene")
    own = next((one for one in listed if one.get("Index") == str(scene)), None)
    if own is None:
        return PlaneTaken()
    place = own.find("Positions/Position")
    if place is not None:
        return PlaneTaken(*(as_number(place.get(axis)) for axis in "ZYX"))
    x, _, y = own.findtext("CenterPosition", "").partition(",")
    return PlaneTaken(None, as_number(y), as_number(x))


def _optics(information: Element, image: Element) -> tuple[dict[str, Any], dict[str, Any]]:
    settings = image.find("ObjectiveSettings")
    settings = Element("ObjectiveSettings") if settings is None else settings
    reference = settings.find("ObjectiveRef")
    objectives = information.findall("Instrument/Objectives/Objective")
    chosen = None if reference is None else reference.get("Id")
    used = [one for one in objectives if one.get("Id") == chosen] or (objectives if len(objectives) == 1 else [])
    values: dict[str, Any] = {}
    named: dict[str, Any] = {}
    index = as_number(settings.findtext("RefractiveIndex"))
    if used:
        values["na"] = as_number(used[0].findtext("LensNA"))
        index = index or as_number(used[0].findtext("ImmersionRefractiveIndex"))
        named |= read_objective(used[0].get("Name", "") or used[0].findtext("Manufacturer/Model", ""))
        medium = immersion_index(settings.findtext("Medium", "") or used[0].findtext("Immersion", ""))
        named |= {} if medium is None else {"n_immersion": medium}
    values["n_immersion"] = index
    return values, named


def _increment(image: Element) -> float | None:
    """Time between frames, where they were taken at equal distances."""
    stated = as_number(image.findtext("Dimensions/T/Positions/Interval/Increment"))
    if stated:
        return stated
    listed = image.findtext("Dimensions/T/Positions/List/Offsets", "")
    times = [as_number(word) for word in re.split(r"[\s,;]+", listed.strip()) if word]
    known = [time for time in times if time is not None]
    steps = [b - a for a, b in pairwise(known)]
    if not steps or max(steps) - min(steps) > 0.05 * max(steps):
        return None
    return sum(steps) / len(steps)
