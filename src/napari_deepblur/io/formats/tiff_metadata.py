"""How the image of a TIFF file without OME-XML was taken: ImageJ, LSM, STK, Micro-Manager, or a bare resolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_deepblur.io.acquisition import Acquisition, as_number, in_seconds, in_um, read_objective, said_by
from napari_deepblur.io.formats.tiff_planes import ndtiff_channels
from napari_deepblur.io.modality import modality_in

_UNIT_OF_TAG = {2: 25400.0, 3: 10000.0, 4: 1000.0, 5: 1.0}
"""Micrometres in the units that TIFF itself knows, inch and centimetre, and that it was extended with: mm and um."""


def tiff_metadata(file: tifffile.TiffFile, source: str = "") -> Acquisition:
    """Read how an image was taken from the metadata of the program that wrote it.

    Parameters
    ----------
    file
        The open file.
    source
        Its path.
    """
    if file.is_lsm:
        return _lsm(file.lsm_metadata or {}, source)
    if file.is_stk:
        return _stk(file.stk_metadata or {}, source)
    found = Acquisition(source=source)
    if file.is_micromanager:
        found = _micromanager(file, source)
    if file.imagej_metadata:
        found = found.or_else(_imagej(file, file.imagej_metadata, source))
    if not file.imagej_metadata or "unit" not in file.imagej_metadata:
        tags = file.pages.first.tags
        factor = _UNIT_OF_TAG.get(int(tags["ResolutionUnit"].value)) if "ResolutionUnit" in tags else None
        sides = _both(_resolution(file, axis, factor) for axis in "YX")
        found = found.or_else(said_by("TIFF resolution", source, pixel_size_um=sides))
    return found


def _imagej(file: tifffile.TiffFile, said: dict[str, Any], source: str) -> Acquisition:
    values: dict[str, Any] = {}
    unit = said.get("unit")
    if unit is not None:
        units = {"X": str(unit), "Y": str(said.get("yunit", unit)), "Z": str(said.get("zunit", unit))}
        values["pixel_size_um"] = _both(_resolution(file, axis, in_um(1, units[axis])) for axis in "YX")
        if "spacing" in said:
            values["plane_spacing_um"] = in_um(said["spacing"], units["Z"])
    if "finterval" in said:
        values["time_increment_s"] = in_seconds(said["finterval"], str(said.get("tunit", "s")))
    channels = int(as_number(said.get("channels", 1)) or 1)
    labels = said.get("Labels")
    if isinstance(labels, list) and channels > 1 and len(labels) % channels == 0:
        # One label for each plane, channels first: they are names of channels where all planes of one have the same.
        named = [{str(label or "") for label in labels[channel::channels]} for channel in range(channels)]
        if all(len(names) == 1 for names in named):
            values["channels"] = tuple(names.pop() for names in named)
    tables = said.get("LUTs")
    if isinstance(tables, list) and len(tables) == channels:
        values["channel_colours"] = tuple(map(_colour, tables))
    return said_by("ImageJ metadata", source, **values)


def _lsm(said: dict[str, Any], source: str) -> Acquisition:
    y, x, z = (as_number(said.get(f"VoxelSize{axis}")) for axis in "YXZ")
    values: dict[str, Any] = {}
    if y and x:
        values["pixel_size_um"] = (1e6 * y, 1e6 * x)
    if z:
        values["plane_spacing_um"] = 1e6 * z
    # The format has this one name of a value, with two t.
    interval = as_number(said.get("TimeIntervall"))
    if interval:
        values["time_increment_s"] = interval
    colours = said.get("ChannelColors")
    if isinstance(colours, dict):
        values["channels"] = tuple(map(str, colours.get("ColorNames") or ()))
    scan = said.get("ScanInformation")
    scan = scan if isinstance(scan, dict) else {}
    objective = read_objective(str(scan.get("Objective", "")))
    found = said_by("LSM metadata", source, **values, modality=modality_in("LSM"))
    return found.or_else(said_by("engraving", source, **objective))


def _stk(said: dict[str, Any], source: str) -> Acquisition:
    unit = str(said.get("CalibrationUnits", ""))
    sides = _both(in_um(said.get(f"{axis}Calibration"), unit) for axis in "YX")
    distances = [abs(float(value)) for value in _listed(said.get("ZDistance")) if as_number(value)]
    same = bool(distances) and max(distances) - min(distances) < 1e-3 * max(distances)
    waves = {float(value) for value in _listed(said.get("Wavelengths")) if as_number(value)}
    return said_by(
        "STK metadata",
        source,
        pixel_size_um=sides,
        plane_spacing_um=distances[0] if same else None,
        wavelengths_um=(1e-3 * waves.pop(),) if len(waves) == 1 else (),
    )


def _micromanager(file: tifffile.TiffFile, source: str) -> Acquisition:
    summary = (file.micromanager_metadata or {}).get("Summary") or {}
    tag = file.pages.first.tags.get(51123)
    plane = tag.value if tag is not None and isinstance(tag.value, dict) else {}
    values: dict[str, Any] = {}
    size = as_number(plane.get("PixelSizeUm")) or as_number(summary.get("PixelSize_um"))
    if size:
        values["pixel_size_um"] = (size, size)
    spacing = as_number(summary.get("z-step_um"))
    if spacing and (summary.get("Slices") or 2) != 1:
        values["plane_spacing_um"] = spacing
    interval = as_number(summary.get("Interval_ms"))
    if interval:
        values["time_increment_s"] = 1e-3 * interval
    names = summary.get("ChNames")
    if isinstance(names, list):
        values["channels"] = tuple(map(str, names))
    elif file.is_ndtiff:
        values["channels"] = ndtiff_channels(Path(file.filehandle.path).parent)
    objective = read_objective(str(plane.get("Objective-Label", "")))
    return said_by("Micro-Manager metadata", source, **values).or_else(said_by("engraving", source, **objective))


def _colour(table: Any) -> str:
    """Return the colour of a table of 3 x 256 values that goes from black to it; empty for any other table."""
    values = np.asarray(table)
    if values.shape != (3, 256) or values[:, 0].any() or not values[:, -1].any():
        return ""
    straight = values[:, -1:] * np.arange(256) / 255
    return "".join(f"{int(value):02X}" for value in values[:, -1]) if np.abs(values - straight).max() <= 1 else ""


def _listed(value: Any) -> list[Any]:
    try:
        return list(value)
    except TypeError:
        return [] if value is None else [value]


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
