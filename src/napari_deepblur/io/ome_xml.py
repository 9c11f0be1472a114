"""OME-XML: what it says about an image, and what this program writes into it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition, as_number, immersion_index, in_um, said_by

ORIGIN = "OME-XML"
"""What the values of an `Acquisition` that were read here give as their origin."""

NAMESPACE = "urn:napari-deepblur:record"
"""Marks the annotation that holds this program's record; others carry it along unread."""

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
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ImageError(
            "The OME-XML of the file declares a document type or entities, which OME-XML does not have. It is not read."
        )
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ImageError(f"The OME-XML of the file is damaged ({error}). Expected well-formed XML.") from error


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
        Its axes are not filled in: they are those of the array, which the reader of the pixels knows. The index of
        the immersion medium is that of the objective's settings if they have one, else that of the medium's name.

    Raises
    ------
    ImageError
        As `parse_xml`.
    """
    root = parse_xml(text)
    images = root.findall("{*}Image")
    if image >= len(images):
        return Acquisition(source=source)
    here = images[image]
    pixels = here.find("{*}Pixels")
    values: dict[str, Any] = _optics(root, here)
    if pixels is not None:
        height, width = (_length(pixels, f"PhysicalSize{axis}", "µm") for axis in "YX")
        if width is not None:
            values["pixel_size_um"] = (width if height is None else height, width)
        values["plane_spacing_um"] = _length(pixels, "PhysicalSizeZ", "µm")
        channels = pixels.findall("{*}Channel")
        values["channels"] = tuple(channel.get("Name", "") for channel in channels)
        values["wavelengths_um"] = tuple(_length(channel, "EmissionWavelength", "nm") for channel in channels)
    return said_by(ORIGIN, source, **values)


def _optics(root: Element, image: Element) -> dict[str, Any]:
    settings = image.find("{*}ObjectiveSettings")
    objectives = root.findall("{*}Instrument/{*}Objective")
    chosen = None if settings is None else settings.get("ID")
    used = [objective for objective in objectives if objective.get("ID") == chosen]
    if settings is None and len(objectives) == 1:
        # Many programs name the objective without saying that it was used.
        used = objectives
    values: dict[str, Any] = {}
    if used:
        values["na"] = as_number(used[0].get("LensNA"))
        values["n_immersion"] = immersion_index(used[0].get("Immersion", ""))
    index = None if settings is None else as_number(settings.get("RefractiveIndex"))
    if index is not None:
        values["n_immersion"] = index
    return values


def _length(element: Element, name: str, default_unit: str) -> float | None:
    value = element.get(name)
    return None if value is None else in_um(value, element.get(f"{name}Unit", default_unit))
