"""OME-Zarr 0.4 and 0.5, by the package zarr: images, series of images, and the fields of plates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.acquisition import Acquisition, in_seconds, in_um, said_by
from napari_deepblur.io.diagnosis import missing
from napari_deepblur.io.formats.format import Format, Scene, chosen
from napari_deepblur.io.lazy_image import Index, LazyImage

_MARKS = ("zarr.json", ".zgroup", ".zattrs")
_VERSIONS = ("0.4", "0.5")
_ORIGIN = "OME-Zarr"
_MOST_CHUNKS = 10**5
"""Chunks beyond which nobody counts those that are there."""


def _knows(head: bytes, path: Path) -> bool:
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


def _scenes(source: Path) -> Sequence[str]:
    return list(_images(_group(source), source))


def _opened(source: Path, scene: Scene) -> LazyImage:
    found = _images(_group(source), source)
    names = list(found)
    index = chosen(source, names, scene)
    group = found[names[index]]
    return _image(group, _ome(group), source, names, index)


ZARR = Format("OME-Zarr", _knows, _scenes, _opened)


def _group(source: Path) -> Any:
    if find_spec("zarr") is None:
        raise missing(source, "OME-Zarr", "zarr")
    import zarr

    return zarr.open_group(str(source), mode="r")


def _ome(group: Any) -> Mapping[str, Any]:
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return inner if isinstance(inner, Mapping) else attributes


def _images(group: Any, source: Path) -> dict[str, Any]:
    """Find the groups of all images: that of the folder, those of a series, or the fields of a plate's wells."""
    ome = _ome(group)
    if "multiscales" in ome:
        scales = ome["multiscales"][0]
        return {str(scales.get("name") or source.stem.removesuffix(".ome")): group}
    if "plate" in ome:
        found = {}
        for well in ome["plate"].get("wells", ()):
            inner = group[well["path"]]
            for field in _ome(inner).get("well", {}).get("images", ()):
                found[f"{well['path']}/{field['path']}"] = inner[field["path"]]
        return found
    if "well" in ome:
        return {str(field["path"]): group[field["path"]] for field in ome["well"].get("images", ())}
    series = group["OME"].attrs.get("series") if "OME" in group else None
    paths = series or [name for name in sorted(group.group_keys()) if name != "OME"]
    found = {str(path): group[str(path)] for path in paths}
    found = {path: inner for path, inner in found.items() if "multiscales" in _ome(inner)}
    if not found:
        raise ImageError(
            f"{source} is a Zarr folder without the metadata of OME-Zarr ('multiscales', 'plate' or 'well'). Versions "
            f"{' and '.join(_VERSIONS)} are read."
        )
    return found


def _image(group: Any, ome: Mapping[str, Any], source: Path, names: Sequence[str], index: int) -> LazyImage:
    scales = ome["multiscales"][0]
    version = str(ome.get("version") or scales.get("version") or "")
    if version and version not in _VERSIONS:
        raise ImageError(f"{source} is OME-Zarr {version}. Versions {' and '.join(_VERSIONS)} are read.")
    axes = scales.get("axes")
    if not axes or not all(isinstance(axis, Mapping) for axis in axes):
        raise ImageError(f"{source} does not name its axes, which OME-Zarr {' and '.join(_VERSIONS)} do.")
    array = group[scales["datasets"][0]["path"]]
    letters = "".join(str(axis["name"]).upper() if str(axis["name"]).upper() in "TCZYX" else "?" for axis in axes)
    if len(letters) != array.ndim or not letters.endswith("YX"):
        raise ImageError(f"{source} names the axes {letters} of an array of shape {array.shape}, expected ...YX.")
    if array.nchunks <= _MOST_CHUNKS and array.nchunks_initialized < array.nchunks:
        warnings.warn(
            f"{source.name} has {array.nchunks_initialized} of {array.nchunks} chunks. Those that are absent count as "
            "empty, which is how empty ones are stored; if the folder was not copied whole, copy it again.",
            AssumptionWarning,
            stacklevel=2,
        )

    def read(position: Index) -> NDArray[Any]:
        return np.asarray(array[position])

    said = _said(scales, ome, axes, letters, str(source))
    return LazyImage(read, letters, array.shape, array.dtype, said, name=names[index], scenes=names, scene=index)


def _said(
    scales: Mapping[str, Any], ome: Mapping[str, Any], axes: Sequence[Mapping[str, Any]], letters: str, source: str
) -> Acquisition:
    steps = np.ones(len(letters))
    stated = False
    for transforms in (scales["datasets"][0].get("coordinateTransformations"), scales.get("coordinateTransformations")):
        for transform in transforms or ():
            if transform.get("type") == "scale" and len(transform["scale"]) == len(letters):
                steps, stated = steps * np.asarray(transform["scale"], float), True
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
    channels = (ome.get("omero") or {}).get("channels") or ()
    values["channels"] = tuple(str(channel.get("label", "")) for channel in channels)
    return said_by(_ORIGIN, source, axes=letters, **values)
