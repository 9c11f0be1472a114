"""Where and when the planes of TIFF files without OME-XML were taken: NDTiff and stacks of Micro-Manager, STK, LSM."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_deepblur.io.acquisition import as_number
from napari_deepblur.io.taken_planes import REFERENCE_FRAME, PlaneTaken, TakenPlanes

_INDEX = "NDTiff.index"
_PLANE_TAG = 51123
_MOST_TEXTS, _MOST_BYTES = 2**14, 2**20
"""Planes beyond which nobody waits for the texts of all of them, and length beyond which one is not believed."""

_PLACES = ("{}PositionUm", "{}Position_um_Intended", "{}Position_um")
_TIMES, _EXPOSURES = ("ElapsedTime-ms",), ("Exposure-ms", "Exposure")


def tiff_planes(series: Any, source: Path, axes: str, lengths: Sequence[int]) -> TakenPlanes | None:
    """Read where and when the planes of a series were taken; None where nothing is said.

    Parameters
    ----------
    series
        Of tifffile.
    source
        The file.
    axes, lengths
        The leading axes of the image, and their lengths: its planes in the order in which the series has them.
    """
    if series.kind == "stk":
        return stk_planes(series.pages[0].parent.stk_metadata or {}, axes, lengths)
    if series.kind == "lsm":
        return lsm_planes(series.pages[0].parent.lsm_metadata or {}, axes, lengths)
    pages = list(series.pages)
    if series.kind not in ("ndtiff", "mmstack") or len(pages) != math.prod(lengths) or len(pages) > _MOST_TEXTS:
        return None
    texts = _ndtiff_texts(source.parent, pages) if series.kind == "ndtiff" else map(_text_of_page, pages)
    planes = [micromanager_plane(text) for text in texts]
    return TakenPlanes.of(axes, lengths, lambda index: planes[_number(index, lengths)])


def micromanager_plane(said: Mapping[str, Any]) -> PlaneTaken:
    """Return where and when a plane was taken, by what Micro-Manager says of it: micrometres and milliseconds."""
    z, y, x = (_first(said, [name.format(axis) for name in _PLACES]) for axis in "ZYX")
    time, exposure = _first(said, _TIMES), _first(said, _EXPOSURES)
    return PlaneTaken(z, y, x, None if time is None else 1e-3 * time, None if exposure is None else 1e-3 * exposure)


def ndtiff_channels(folder: Path) -> tuple[str, ...]:
    """Return the names of the channels of NDTiff files, which their index has, in the order of the axis."""
    index = folder / _INDEX
    entries = tifffile.read_ndtiff_index(index) if index.is_file() else ()
    return tuple(dict.fromkeys(name for axes, *_ in entries if isinstance(name := axes.get("channel"), str)))


def stk_planes(said: Mapping[str, Any], axes: str, lengths: Sequence[int]) -> TakenPlanes | None:
    """Return where and when the planes of an STK file were taken; it does not name the unit of places.

    Parameters
    ----------
    said
        What tifffile reads of it.
    axes, lengths
        As in `tiff_planes`.
    """
    count = math.prod(lengths)
    places = (
        np.reshape(_listed(said.get("StagePosition")), (-1, 2)) if _is_of(said, "StagePosition", 2 * count) else None
    )
    heights = _listed(said.get("AbsoluteZ")) if _is_of(said, "AbsoluteZ", count) else None
    created = said.get("DatetimeCreated")
    times = None
    if isinstance(created, np.ndarray) and created.shape == (count,) and count > 1:
        times = (created - created[0]) / np.timedelta64(1, "s")
        times = times if times.any() else None

    def taken(index: tuple[int, ...]) -> PlaneTaken:
        at = _number(index, lengths)
        x, y = (None, None) if places is None else map(as_number, places[at])
        z, time = (None if values is None else as_number(values[at]) for values in (heights, times))
        return PlaneTaken(z, y, x, time)

    return TakenPlanes.of(axes, lengths, taken, (REFERENCE_FRAME,) * 3)


def lsm_planes(said: Mapping[str, Any], axes: str, lengths: Sequence[int]) -> TakenPlanes | None:
    """Return when the planes of an LSM file were taken, from the first one on: it has one time for each of a series.

    Parameters
    ----------
    said
        What tifffile reads of it.
    axes, lengths
        As in `tiff_planes`.
    """
    if "T" not in axes or not _is_of(said, "TimeStamps", lengths[axes.index("T")]):
        return None
    place, times = axes.index("T"), _listed(said["TimeStamps"])
    return TakenPlanes.of(axes, lengths, lambda index: PlaneTaken(time_s=as_number(times[index[place]] - times[0])))


def _ndtiff_texts(folder: Path, pages: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Read what is said of each plane, which the index finds by where its pixels begin."""
    entries = {
        (name, pixels): (text, length)
        for _, name, pixels, _, _, _, _, text, length, packed in tifffile.read_ndtiff_index(folder / _INDEX)
        if not packed
    }
    for page in pages:
        name = page.parent.filename
        yield _text_at(folder / name, *entries.get((name, page.dataoffsets[0]), (0, 0)))


def _text_at(file: Path, offset: int, length: int) -> dict[str, Any]:
    if not 0 < length <= _MOST_BYTES:
        return {}
    try:
        with open(file, "rb") as opened:
            opened.seek(offset)
            found = json.loads(opened.read(length))
    except (OSError, ValueError, RecursionError):
        # It is said beside the pixels, and costs none of them.
        return {}
    return found if isinstance(found, dict) else {}


def _text_of_page(page: Any) -> dict[str, Any]:
    tag = page.aspage().tags.get(_PLANE_TAG)
    return tag.value if tag is not None and isinstance(tag.value, dict) else {}


def _number(index: Sequence[int], lengths: Sequence[int]) -> int:
    return int(np.ravel_multi_index(tuple(index), tuple(lengths))) if lengths else 0


def _first(said: Mapping[str, Any], names: Sequence[str]) -> float | None:
    return next((value for value in (as_number(said.get(name)) for name in names) if value is not None), None)


def _is_of(said: Mapping[str, Any], name: str, count: int) -> bool:
    return _listed(said.get(name)).size == count


def _listed(value: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.ravel(np.asarray([] if value is None else value, float))
    except (TypeError, ValueError):
        return np.zeros(0)
