"""OME-Zarr 0.4 and 0.5, by the package zarr: images, series of images, and the fields of plates."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.diagnosis import missing
from napari_deepblur.io.formats.format import Format, Scene, chosen
from napari_deepblur.io.formats.zarr_metadata import OWN, XML, letters_of, ome_of, read_attributes
from napari_deepblur.io.lazy_image import LazyImage, levels_after_first
from napari_deepblur.io.output import resolved

_MARKS = ("zarr.json", ".zgroup", ".zattrs")
_VERSIONS = ("0.4", "0.5")
_MOST_CHUNKS = 10**5
"""Chunks beyond which nobody counts those that are there."""

_MANY_CHUNKS, _LEAST_SHARE = 10**4, 0.01
"""Chunks or shards from which on a share of so many must be there: each that is absent takes a part of a millisecond,
so that a few bytes of metadata could claim hours."""


def _knows(head: bytes, path: Path) -> bool:
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


def _scenes(source: Path) -> Sequence[str]:
    return list(_images(_group(source), source))


def _opened(source: Path, scene: Scene) -> LazyImage:
    found = _images(_group(source), source)
    names = list(found)
    index = chosen(source, names, scene)
    group = found[names[index]]
    if group is None:
        raise ImageError(f"{source} has no group '{names[index]}', which its metadata name. Was it copied whole?")
    return _image(group, source, names, index)


ZARR = Format("OME-Zarr", _knows, _scenes, _opened)


def read_store_record(source: Path) -> dict[str, Any] | None:
    """Return the record of how an image was made that this program wrote; None where there is none.

    Raises
    ------
    ImageError
        If the folder is no store whose metadata can be read.
    """
    own = dict(_group(source).attrs).get(OWN)
    record = own.get("record") if isinstance(own, Mapping) else None
    return record if isinstance(record, dict) else None


def _group(source: Path) -> Any:
    if find_spec("zarr") is None:
        raise missing(source, "OME-Zarr", "zarr")
    import zarr

    try:
        return zarr.open_group(str(source), mode="r")
    except Exception as error:
        # What zarr raises on metadata that are damaged, or of a format to come, is not its promise.
        said = " ".join(str(error).split())[:160] or type(error).__name__
        raise ImageError(
            f"{source} is a Zarr folder whose metadata cannot be read as those of a group ({said}). Expected OME-Zarr "
            f"{' or '.join(_VERSIONS)}; was it copied whole, and is it the folder of the image?"
        ) from error


def _images(group: Any, source: Path) -> dict[str, Any]:
    """Find the groups of all images: that of the folder, those of a series, or the fields of a plate's wells.

    A well whose group is not there has None by its own name.
    """
    ome = ome_of(group.attrs)
    _check_version(ome, source)
    if "image-label" in ome:
        raise ImageError(f"{source} holds labels of objects, no light. Give the image that they are of.")
    found: dict[str, Any] = {}
    if _is_image(ome):
        found[str(ome["multiscales"][0].get("name") or source.stem.removesuffix(".ome"))] = group
    elif isinstance(ome.get("plate"), Mapping):
        for well in ome["plate"].get("wells", ()):
            if not _is_there(group, well["path"]):
                # A plate that was copied in part: the others are whole, and this one is an error where it is chosen.
                found[str(well["path"])] = None
                continue
            inner = _member(group, well["path"], source, "group")
            for field in ome_of(inner.attrs).get("well", {}).get("images", ()):
                found[f"{well['path']}/{field['path']}"] = _member(inner, field["path"], source, "group")
    elif isinstance(ome.get("well"), Mapping):
        for field in ome["well"].get("images", ()):
            found[str(field["path"])] = _member(group, field["path"], source, "group")
    else:
        groups = dict(group.groups())
        series = ome_of(groups["OME"].attrs).get("series") if "OME" in groups else None
        for path in series or sorted(groups, key=_by_number):
            inner = _member(group, path, source, "group")
            if _is_image(ome_of(inner.attrs)):
                found[str(path)] = inner
    if not found:
        raise ImageError(
            f"{source} is a Zarr folder without the metadata of OME-Zarr ('multiscales', 'plate' or 'well'). Versions "
            f"{' and '.join(_VERSIONS)} are read."
        )
    return found


def _is_image(ome: Mapping[str, Any]) -> bool:
    scales = ome.get("multiscales")
    return isinstance(scales, list) and bool(scales) and isinstance(scales[0], Mapping)


def _by_number(name: str) -> list[tuple[int, str]]:
    """Sort 2 before 10."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]


def _is_there(group: Any, path: Any) -> bool:
    try:
        group[str(path)]
    except KeyError:
        return False
    return True


def _member(group: Any, path: Any, source: Path, kind: str) -> Any:
    """Return a group or an array inside a group."""
    import zarr

    expected = zarr.Array if kind == "array" else zarr.Group
    try:
        found = group[str(path)]
    except KeyError:
        found = None
    if not isinstance(found, expected):
        raise ImageError(f"{source} has no {kind} '{path}', which its metadata name. Was it copied whole?")
    return found


def _check_version(ome: Mapping[str, Any], source: Path) -> None:
    """Raise an `ImageError` if the metadata are of a version whose meaning is not known."""
    entries = [ome, ome.get("plate"), ome.get("well")]
    entries += [ome["multiscales"][0]] if _is_image(ome) else []
    for entry in entries:
        version = entry.get("version") if isinstance(entry, Mapping) else None
        if version and str(version) not in _VERSIONS:
            raise ImageError(f"{source} is OME-Zarr {version}. Versions {' and '.join(_VERSIONS)} are read.")


def _image(group: Any, source: Path, names: Sequence[str], index: int) -> LazyImage:
    attributes = dict(group.attrs)
    ome = ome_of(attributes)
    _check_version(ome, source)
    scales = ome["multiscales"][0]
    axes = scales.get("axes")
    if not axes or not all(isinstance(axis, Mapping) for axis in axes):
        raise ImageError(f"{source} does not name its axes, which OME-Zarr {' and '.join(_VERSIONS)} do.")
    levels = scales.get("datasets")
    if not isinstance(levels, list) or not levels or not isinstance(levels[0], Mapping):
        raise ImageError(f"{source} does not say where the pixels of its image are ('datasets'). Was it copied whole?")
    array = _member(group, levels[0].get("path"), source, "array")
    letters = letters_of(axes)
    known = letters.replace("?", "")
    if len(letters) != array.ndim or not letters.endswith("YX") or len(set(known)) < len(known):
        raise ImageError(f"{source} names the axes {letters} of an array of shape {array.shape}, expected ...YX.")
    _check_chunks(array, source)
    _warn_of_gaps(array, source)
    said = read_attributes(scales, attributes, letters, array.shape, source, _described(group, source, index))
    more: dict[str, Any] = {"name": names[index], "scenes": names, "scene": index}

    def level(pixels: Any, **coarser: Any) -> LazyImage:
        return LazyImage(
            lambda position: np.asarray(pixels[position]),
            letters,
            pixels.shape,
            pixels.dtype,
            said,
            read_part=lambda position, inner: np.asarray(pixels[(*position, *inner)]),
            **more,
            **coarser,
        )

    def coarser() -> list[LazyImage]:
        arrays = [_member(group, one.get("path"), source, "array") for one in levels[1:] if isinstance(one, Mapping)]
        return [level(one) for one in levels_after_first([array, *arrays], array.ndim - 2)]

    return level(array, coarser=coarser)


def _described(group: Any, source: Path, index: int) -> tuple[Path, int]:
    """Return the store whose OME-XML describes an image, and its number in that.

    An image may be opened by a folder inside of the store, such as the field of a plate.
    """
    if (source / XML).is_file():
        return source, index
    place = resolved(source)
    for store in place.parents:
        if (store / XML).is_file() and _knows(b"", store):
            names = _names_of(store, (store / XML).stat().st_mtime_ns)
            name = (place / group.path).relative_to(store).as_posix()
            return (store, names.index(name)) if name in names else (source, index)
    return source, index


@lru_cache(maxsize=8)
def _names_of(store: Path, _changed: int) -> tuple[str, ...]:
    """Return the names of the images of a store; of a plate that takes a while, and each of its fields asks."""
    return tuple(_images(_group(store), store))


def _check_chunks(array: Any, source: Path) -> None:
    """Raise an `ImageError` if nearly none of the many chunks that the metadata claim are there."""
    stored = array.chunks if array.shards is None else array.shards
    expected = math.prod(math.ceil(n / s) for n, s in zip(array.shape, stored, strict=True))
    if expected < _MANY_CHUNKS:
        return
    least = math.ceil(_LEAST_SHARE * expected)
    files = (name for _, _, names in os.walk(source / array.path) for name in names)
    there = sum(1 for _ in islice(files, least + len(_MARKS)))
    if there < least:
        raise ImageError(
            f"{source} has an array of shape {array.shape} in {expected} pieces of {stored}, of which at most {there} "
            "are there. Was it copied whole, and are its metadata those of the image?"
        )


def _warn_of_gaps(array: Any, source: Path) -> None:
    if array.nchunks > _MOST_CHUNKS:
        return
    stored = array.chunks if array.shards is None else array.shards
    # In whole shards zarr counts the chunks that lie beyond the edge, too.
    inside = math.prod(s // c for s, c in zip(stored, array.chunks, strict=True))
    there = array.nchunks_initialized // inside
    expected = math.prod(math.ceil(n / s) for n, s in zip(array.shape, stored, strict=True))
    if there < expected:
        warnings.warn(
            f"{source.name} has {there} of {expected} {'chunks' if array.shards is None else 'shards'}. Those that are "
            "absent count as empty, which is how empty ones are stored; if the folder was not copied whole, copy it "
            "again.",
            AssumptionWarning,
            stacklevel=2,
        )
