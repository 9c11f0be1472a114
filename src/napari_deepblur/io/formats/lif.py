"""LIF, of Leica, by the package liffile: images by their names, and what the metadata say."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import (
    Acquisition,
    as_number,
    immersion_index,
    in_um,
    read_objective,
    said_by,
)
from napari_deepblur.io.diagnosis import missing
from napari_deepblur.io.formats.format import Format, Scene, chosen
from napari_deepblur.io.formats.lif_places import lif_planes
from napari_deepblur.io.lazy_image import Index, LazyImage
from napari_deepblur.io.modality import modality_in

_SIGNATURE, _XML_MARK = b"\x70\x00\x00\x00", b"\x2a"
_DIMENSIONS = {"1": "X", "2": "Y", "3": "Z", "4": "T"}
_LETTERS = {"T": "T", "Z": "Z", "C": "C", "Y": "Y", "X": "X", "S": "S", "M": "P", "λ": "?", "Λ": "?"}
_ORIGIN = "LIF metadata"


def _knows(head: bytes, path: Path) -> bool:
    return head.startswith(_SIGNATURE) and head[8:9] == _XML_MARK


def _scenes(source: Path) -> Sequence[str]:
    with _file(source) as file:
        return [str(image.path) for image in file.images]


def _opened(source: Path, scene: Scene) -> LazyImage:
    file = _file(source)
    try:
        names = [str(image.path) for image in file.images]
        index = chosen(source, names, scene)
        return _image(file, source, file.images[index], names, index)
    except BaseException:
        file.close()
        raise


LIF = Format("LIF", _knows, _scenes, _opened)


def _file(source: Path) -> Any:
    if find_spec("liffile") is None:
        raise missing(source, "LIF", "liffile")
    import liffile

    return liffile.LifFile(source)


def _image(file: Any, source: Path, image: Any, names: Sequence[str], index: int) -> LazyImage:
    dims, shape = tuple(image.sizes), tuple(int(n) for n in image.sizes.values())
    letters = ""
    for d in dims:
        letter = _LETTERS.get(d, "?")
        letters += letter if letter not in letters else "?"
    planes = letters.removesuffix("S")[-2:]
    if len(dims) < 2:
        raise ImageError(f"{source} has in '{names[index]}' no image but a line, of the axes {letters}.")

    def frame(position: Index) -> NDArray[Any]:
        return np.asarray(image.frame(**dict(zip(dims, position, strict=False))))

    axes, read = letters, frame
    if {"Y", "X"} <= set(letters) and planes != "YX":
        # Taken as sections along the depth, which are stacks of rows and columns all the same.
        order = [i for i, letter in enumerate(letters) if letter not in "YXS"]
        order += [letters.index(letter) for letter in "YXS" if letter in letters]
        array = np.asarray(image.asarray()).transpose(order)
        axes, shape = "".join(letters[i] for i in order), array.shape

        def read(position: Index) -> NDArray[Any]:
            return np.asarray(array[position])

    said = _said(image, str(source), axes, shape[axes.index("C")] if "C" in axes else 1)
    taken = lif_planes(image.xml_element, axes, shape, said.plane_spacing_um)
    said = said.or_else(said_by(_ORIGIN, str(source), planes=taken))
    return LazyImage(
        read, axes, shape, image.dtype, said, name=names[index], scenes=names, scene=index, close=file.close
    )


def _said(image: Any, source: str, axes: str, channels: int) -> Acquisition:
    element = image.xml_element
    values: dict[str, Any] = {}
    steps: dict[str, float] = {}
    for entry in element.iterfind("./Data/Image/ImageDescription/Dimensions/DimensionDescription"):
        count, length = as_number(entry.get("NumberOfElements")), as_number(entry.get("Length"))
        letter = _DIMENSIONS.get(entry.get("DimID", ""))
        if letter and count and length and count > 1:
            step = abs(length) / (count - 1)
            if letter == "T":
                values["time_increment_s"] = step
            else:
                steps[letter] = in_um(step, entry.get("Unit", "m")) or 0.0
    rows = axes.removesuffix("S")[-2]
    if rows in steps and "X" in steps:
        values["pixel_size_um"] = (steps[rows], steps["X"])
    if "Z" in steps and rows != "Z":
        values["plane_spacing_um"] = steps["Z"]
    settings = [e for e in element.iter() if e.tag in ("ATLConfocalSettingDefinition", "ATLCameraSettingDefinition")]
    named: dict[str, Any] = {}
    bands: tuple[float | None, ...] = ()
    if settings:
        used = settings[0]
        values["na"] = as_number(used.get("NumericalAperture"))
        values["n_immersion"] = as_number(used.get("RefractionIndex"))
        named |= read_objective(used.get("ObjectiveName", ""))
        medium = immersion_index(used.get("Immersion", ""))
        named |= {} if medium is None else {"n_immersion": medium}
        values["wavelengths_um"], bands = _emission(used, channels)
    hardware = next((e for e in element.iter("Attachment") if e.get("Name") == "HardwareSetting"), None)
    words = [] if hardware is None else [hardware.get("DataSourceTypeName", "")]
    values["modality"] = modality_in(*words)
    values["channels"] = tuple(
        e.get("LUTName", "") for e in element.iterfind("./Data/Image/ImageDescription/Channels/ChannelDescription")
    )[:channels]
    said = said_by(_ORIGIN, source, **values).or_else(said_by("engraving", source, **named))
    said = said.or_else(said_by("middle of the detected band", source, wavelengths_um=bands))
    return said_by("LIF", source, axes=axes).or_else(said)


def _emission(settings: Any, channels: int) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """Return emission wavelengths that are stated, and the middles of the bands of the detectors that were in use."""
    wide = [e for e in settings.iter("WideFieldChannelInfo") if as_number(e.get("EmissionWavelength"))]
    if len(wide) == channels:
        return tuple(1e-3 * float(e.get("EmissionWavelength")) for e in wide), ()
    bands = {e.get("Channel"): e for e in settings.iter("MultiBand")}
    active = [e.get("Channel") for e in settings.iter("Detector") if e.get("IsActive") == "1"]
    known = [bands[channel] for channel in active if channel in bands]
    if len(known) != channels:
        return (), ()
    ends = [(as_number(e.get("LeftWorld")), as_number(e.get("RightWorld"))) for e in known]
    return (), tuple(None if a is None or b is None else 0.5e-3 * (a + b) for a, b in ends)
