"""OME-XML: what it says about an image, and what this program writes into it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import (
    Acquisition,
    as_number,
    immersion_index,
    in_seconds,
    in_um,
    read_objective,
    said_by,
)
from napari_deepblur.io.modality import modality_in
from napari_deepblur.io.ome_plane_elements import read_planes

ORIGIN = "OME-XML"
"""What the values of an `Acquisition` that were read here give as their origin."""

NAMESPACE = "urn:napari-deepblur:record"
"""Marks the annotation that holds this program's record; others carry it along unread."""

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EQUAL_TIMES = 0.05
_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_BEFORE_INSTRUMENT = {"Rights", "Project", "Dataset", "Folder", "Experiment", "Plate", "Screen", "Experimenter",
                      "ExperimenterGroup"}  # fmt: skip
_BEFORE_OBJECTIVE = {"AcquisitionDate", "ExperimenterRef", "Description", "ExperimentRef", "ExperimenterGroupRef"}


def parse_xml(text: str) -> Element:
    """Parse OME-XML.

    Raises
    ------
    ImageError
        If it is no well-formed XML, or declares entities: OME-XML has none, and they can grow without end.
    """
    refuse_entities(text)
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ImageError(f"The OME-XML of the file is damaged ({error}). Expected well-formed XML.") from error


def refuse_entities(text: str) -> None:
    """Raise an `ImageError` if XML declares a document type or entities, which can grow without end."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ImageError(
            "The OME-XML of the file declares a document type or entities, which OME-XML does not have. It is not read."
        )


def xml_text(text: str) -> str:
    """Return a text as XML can hold it: `�` for control characters and half characters, for which it has no place."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def images_of(root: Element) -> list[Element]:
    """Return the images that OME-XML describes, which are those with pixels."""
    return [image for image in root.findall("{*}Image") if image.find("{*}Pixels") is not None]


def read_ome_xml(text: str, source: str = "", image: int = 0) -> Acquisition:
    """Read how an image was taken from OME-XML.

    Parameters
    ----------
    text
        The XML, of any version of the schema.
    source
        The file that it comes from.
    image
        Index of the image among those that the XML describes.

    Returns
    -------
    Acquisition
        As `read_ome_element`.

    Raises
    ------
    ImageError
        As `parse_xml`.
    """
    root = parse_xml(text)
    images = root.findall("{*}Image")
    return read_ome_element(root, images[image], source) if image < len(images) else Acquisition(source=source)


def read_ome_element(root: Element, image: Element, source: str = "") -> Acquisition:
    """Read how an image was taken from its element of OME-XML.

    Parameters
    ----------
    root
        The root of the XML, where the instruments are.
    image
        The image.
    source
        The file that it comes from.

    Returns
    -------
    Acquisition
        Its axes are not filled in: they are those of the array, which the reader of the pixels knows. The index of
        the immersion medium is that of the objective's settings if they have one, else that of the medium's name.
    """
    pixels = image.find("{*}Pixels")
    optics, named = _optics(root, image)
    values: dict[str, Any] = optics
    if pixels is not None:
        # Some programs write the unit once.
        unit = pixels.get("PhysicalSizeXUnit", "µm")
        width, height = _length(pixels, "PhysicalSizeX", unit), _length(pixels, "PhysicalSizeY", unit)
        if width is not None:
            values["pixel_size_um"] = (width if height is None else height, width)
        values["plane_spacing_um"] = _length(pixels, "PhysicalSizeZ", "µm")
        increment = pixels.get("TimeIncrement")
        if increment is not None:
            values["time_increment_s"] = in_seconds(increment, pixels.get("TimeIncrementUnit", "s"))
        else:
            values["time_increment_s"] = _increment_of_planes(pixels)
        values["planes"] = read_planes(pixels)
        channels = pixels.findall("{*}Channel")
        values["channels"] = tuple(channel.get("Name", "") for channel in channels)
        values["channel_colours"] = tuple(_colour(channel.get("Color", "")) for channel in channels)
        values["wavelengths_um"] = tuple(_length(channel, "EmissionWavelength", "nm") for channel in channels)
        said = [channel.get(name, "") for channel in channels for name in ("AcquisitionMode", "ContrastMethod")]
        values["modality"] = modality_in(*said)
    return said_by(ORIGIN, source, **values).or_else(said_by(f"{ORIGIN} by name", source, **named))


def _increment_of_planes(pixels: Element) -> float | None:
    """Return the seconds between frames whose planes say when they were taken, where these are equal within 5 %."""
    taken: dict[int, float] = {}
    for plane in pixels.iterfind("{*}Plane"):
        frame, first = plane.get("TheT", ""), plane.get("TheC") == plane.get("TheZ") == "0"
        seconds = in_seconds(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))
        if first and frame.isdecimal() and seconds is not None:
            taken[int(frame)] = seconds
    frames = sorted(taken)
    if len(frames) < 2 or frames != list(range(len(frames))):
        return None
    steps = [taken[frame + 1] - taken[frame] for frame in frames[:-1]]
    if min(steps) <= 0 or max(steps) - min(steps) > _EQUAL_TIMES * max(steps):
        return None
    return sum(steps) / len(steps)


def _optics(root: Element, image: Element) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the objective states, and what can only be told from the names of it and of its medium."""
    settings = image.find("{*}ObjectiveSettings")
    objectives = root.findall("{*}Instrument/{*}Objective")
    chosen = None if settings is None else settings.get("ID")
    used = [objective for objective in objectives if objective.get("ID") == chosen]
    if settings is None and len(objectives) == 1:
        # Many programs name the objective without saying that it was used.
        used = objectives
    values: dict[str, Any] = {}
    named: dict[str, Any] = {}
    if used:
        values["na"] = as_number(used[0].get("LensNA"))
        named |= read_objective(used[0].get("Model", ""))
        index = immersion_index(used[0].get("Immersion", ""))
        if index is not None:
            named["n_immersion"] = index
    index = None if settings is None else as_number(settings.get("RefractiveIndex"))
    if index is None and settings is not None:
        medium = immersion_index(settings.get("Medium", ""))
        if medium is not None:
            named["n_immersion"] = medium
    if index is not None:
        values["n_immersion"] = index
    return values, named


def _length(element: Element, name: str, default_unit: str) -> float | None:
    value = element.get(name)
    return None if value is None else in_um(value, element.get(f"{name}Unit", default_unit))


def _colour(text: str) -> str:
    """Turn red, green, blue and opacity in one signed number of 32 bits into six hexadecimal digits."""
    try:
        return f"{int(text) >> 8 & 0xFFFFFF:06X}"
    except ValueError:
        return ""


def read_record(text: str) -> dict[str, Any] | None:
    """Return the record that `completed` wrote into OME-XML; None where there is none that can be understood."""
    for annotation in parse_xml(text).iterfind("{*}StructuredAnnotations/{*}CommentAnnotation"):
        if annotation.get("Namespace") == NAMESPACE:
            try:
                record = json.loads(annotation.findtext("{*}Value", ""))
            except (ValueError, RecursionError):
                return None
            return record if isinstance(record, dict) else None
    return None


def completed(text: str, acquisition: Acquisition, record: Mapping[str, Any] | None = None) -> str:
    """Add the objective, and a record, to the OME-XML of one image.

    Parameters
    ----------
    text
        OME-XML of the schema 2016-06 without instruments.
    acquisition
        Of it the aperture and the immersion index are written: the index as that of the objective's settings.
    record
        Anything that JSON knows, kept as a comment of the namespace `NAMESPACE`.

    Returns
    -------
    str
        The XML, with an XML declaration.

    Raises
    ------
    ImageError
        As `parse_xml`.
    TypeError
        If the record holds what JSON does not know.
    """
    root = parse_xml(text)
    image = root.find(_named("Image"))
    if image is None:
        raise ImageError("The OME-XML describes no image, expected one.")
    if acquisition.na is not None or acquisition.n_immersion is not None:
        instrument = Element(_named("Instrument"), ID="Instrument:0")
        objective = SubElement(instrument, _named("Objective"), ID="Objective:0:0")
        settings = Element(_named("ObjectiveSettings"), ID="Objective:0:0")
        if acquisition.na is not None:
            objective.set("LensNA", repr(acquisition.na))
        if acquisition.n_immersion is not None:
            settings.set("RefractiveIndex", repr(acquisition.n_immersion))
        root.insert(_position(root, _BEFORE_INSTRUMENT), instrument)
        place = _position(image, _BEFORE_OBJECTIVE)
        image.insert(place, Element(_named("InstrumentRef"), ID="Instrument:0"))
        image.insert(place + 1, settings)
    if record is not None:
        notes = root.find(_named("StructuredAnnotations"))
        if notes is None:
            notes = SubElement(root, _named("StructuredAnnotations"))
        label = f"Annotation:{len(notes)}"
        note = SubElement(notes, _named("CommentAnnotation"), ID=label, Namespace=NAMESPACE)
        SubElement(note, _named("Value")).text = json.dumps(record)
        SubElement(image, _named("AnnotationRef"), ID=label)
    ElementTree.register_namespace("", _OME)
    written = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{written}'


def _named(tag: str) -> str:
    return f"{{{_OME}}}{tag}"


def _position(parent: Element, before: set[str]) -> int:
    """Index behind the children that the schema puts first."""
    return sum(child.tag.rpartition("}")[2] in before for child in parent)
