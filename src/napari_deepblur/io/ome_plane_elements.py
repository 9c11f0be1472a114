"""The elements of OME-XML that say where and when each plane was taken: read, and written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from napari_deepblur.io.acquisition import as_number, in_seconds, in_um
from napari_deepblur.io.taken_planes import REFERENCE_FRAME, PlaneTaken, TakenPlanes

_LENGTHS, _TIMES = ("PositionZ", "PositionY", "PositionX"), ("DeltaT", "ExposureTime")
_LETTERS = "TZC"
_MOST_FOR_EACH, _FEW = 16, 4096
"""Planes that are believed for each that something is said of, and beside these."""


def read_planes(pixels: Element) -> TakenPlanes | None:
    """Read where and when the planes of an image were taken; None where nothing is said.

    Parameters
    ----------
    pixels
        The element ``Pixels`` of an image.
    """
    elements = pixels.findall("{*}Plane")
    if not elements:
        return None
    units = [_unit(elements, name) for name in _LENGTHS]
    known: dict[tuple[int, ...], PlaneTaken] = {}
    for element in elements:
        index = tuple(element.get(f"The{letter}", "0") for letter in _LETTERS)
        if all(one.isdecimal() and len(one) < 10 for one in index):
            lengths = [_place(element, name, unit) for name, unit in zip(_LENGTHS, units, strict=True)]
            times = [in_seconds(element.get(name), element.get(f"{name}Unit", "s")) for name in _TIMES]
            known[tuple(map(int, index))] = PlaneTaken(*lengths, *times)
    sizes = [as_number(pixels.get(f"Size{letter}", 1)) for letter in _LETTERS]
    counts = [max(int(size), 1) if size is not None and size < 2**31 else 1 for size in sizes]
    samples = [int(one.get("SamplesPerPixel", "1")) for one in pixels.findall("{*}Channel")[:1]
               if one.get("SamplesPerPixel", "1").isdecimal()]  # fmt: skip
    # Colours are channels there, and one plane all the same.
    counts[2] = max(counts[2] // max([1, *samples]), 1)
    if math.prod(counts) > _MOST_FOR_EACH * len(known) + _FEW:
        # A few bytes of XML fill no memory.
        return None
    return TakenPlanes.of(_LETTERS, counts, known.get, (units[0], units[1], units[2]))


def plane_columns(planes: TakenPlanes, axes: str, shape: Sequence[int]) -> dict[str, list[Any]]:
    """Return the attributes of the elements of all planes of an array, as tifffile takes them.

    Parameters
    ----------
    planes
        Where and when they were taken.
    axes, shape
        Of the array.
    """
    each = planes.each(axes, shape)
    names = dict(zip((*_LENGTHS, *_TIMES), (*planes.units, "s", "s"), strict=True))
    columns: dict[str, list[Any]] = {}
    for place, (name, unit) in enumerate(names.items()):
        values = [one[place] for one in each]
        if any(value is not None for value in values):
            columns[name] = values
            columns[f"{name}Unit"] = [None if value is None else unit for value in values]
    return columns


def _unit(elements: Sequence[Element], name: str) -> str:
    """Return the unit in which a length is kept: micrometres, or that of a frame which nobody knows."""
    said = next((element for element in elements if element.get(name) is not None), None)
    known = said is None or in_um(1, said.get(f"{name}Unit", REFERENCE_FRAME)) is not None
    return "µm" if known else REFERENCE_FRAME


def _place(element: Element, name: str, unit: str) -> float | None:
    stated = element.get(f"{name}Unit", REFERENCE_FRAME)
    number = as_number(element.get(name))
    if number is None or not math.isfinite(number):
        return None
    length = in_um(number, stated)
    if unit == REFERENCE_FRAME:
        return number if length is None else None
    return length
