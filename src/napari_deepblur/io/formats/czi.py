"""CZI, of Zeiss, by the package czifile: scenes, tiles of mosaics, and what the metadata say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import as_number, said_by
from napari_deepblur.io.diagnosis import missing
from napari_deepblur.io.formats.czi_metadata import czi_metadata, scene_place
from napari_deepblur.io.formats.format import Format, Scene, chosen
from napari_deepblur.io.lazy_image import Index, LazyImage
from napari_deepblur.io.ome_xml import parse_xml
from napari_deepblur.io.taken_planes import PlaneTaken, TakenPlanes

_SIGNATURE = b"ZISRAWFILE"
_LEADING = "HIVRTZCB"
"""Axes of CZI that are none of a plane: phases, illuminations, views, rotations, time, depth, channels, blocks."""

_LETTERS = {"T": "T", "Z": "Z", "C": "C"}
_MOST_SIDE = 2**20
_MOST_ASKED = 4096
"""Planes beyond which only the first is asked where it was taken."""


class _Block(NamedTuple):
    """A part of a plane: where it lies, along each axis, and what reads it."""

    start: dict[str, int]
    size: dict[str, int]
    dtype: Any
    samples: int
    entry: Any


def _knows(head: bytes, path: Path) -> bool:
    return head.startswith(_SIGNATURE)


def _scenes(source: Path) -> Sequence[str]:
    with _file(source) as file:
        return _names(_blocks(file))


def _opened(source: Path, scene: Scene) -> LazyImage:
    file = _file(source)
    try:
        blocks = _blocks(file)
        if not blocks:
            raise ImageError(f"{source} holds no image.")
        names = _names(blocks)
        numbers = _numbers(blocks)
        index = chosen(source, names, scene)
        own = [block for block in blocks if block.start.get("S", 0) == numbers[index]]
        return _image(file, source, own, names, index)
    except BaseException:
        file.close()
        raise


CZI = Format("CZI", _knows, _scenes, _opened)


def _file(source: Path) -> Any:
    if find_spec("czifile") is None:
        raise missing(source, "CZI", "czifile")
    import czifile

    return czifile.CziFile(str(source))


def _numbers(blocks: Sequence[_Block]) -> list[int]:
    return sorted({block.start.get("S", 0) for block in blocks})


def _names(blocks: Sequence[_Block]) -> list[str]:
    return [f"scene {number}" for number in _numbers(blocks)]


def _blocks(file: Any) -> list[_Block]:
    """Describe all blocks of full resolution, by the interface of czifile of 2019 and by that of 2026."""
    found = []
    for entry in file.filtered_subblock_directory:
        if hasattr(entry, "dimension_entries"):
            sides = {str(d.dimension): (int(d.start), int(d.size)) for d in entry.dimension_entries}
            shape = np.dtype(entry.dtype).shape
            samples, dtype = (shape[0] if shape else 1), np.dtype(entry.dtype).base
        else:
            sides = {d: (int(a), int(n)) for d, a, n in zip(entry.dims[:-1], entry.start, entry.shape, strict=False)}
            samples, dtype = int(entry.shape[-1]), np.dtype(entry.dtype)
            if entry.scene_index >= 0:
                sides["S"] = (int(entry.scene_index), 1)
        start, size = ({d: side[k] for d, side in sides.items()} for k in (0, 1))
        found.append(_Block(start, size, dtype, samples, entry))
    return found


def _image(file: Any, source: Path, blocks: list[_Block], names: Sequence[str], index: int) -> LazyImage:
    first = blocks[0]
    if any((block.dtype, block.samples) != (first.dtype, first.samples) for block in blocks):
        raise ImageError(f"{source} has channels of different types in {names[index]}, which cannot be one array.")
    lows = {d: min(block.start.get(d, 0) for block in blocks) for d in (*_LEADING, *"YX")}
    highs = {d: max(block.start.get(d, 0) + block.size.get(d, 1) for block in blocks) for d in (*_LEADING, *"YX")}
    lengths = {d: highs[d] - lows[d] for d in lows}
    leading = "".join(d for d in _LEADING if lengths[d] > 1 or d in "TZC")
    shape = tuple(lengths[d] for d in leading)
    rows, columns = lengths["Y"], lengths["X"]
    if max(rows, columns) > _MOST_SIDE or math.prod(shape) > 10 * len(blocks) + 100:
        raise ImageError(f"{source} claims {shape} planes of {rows} x {columns} pixels in {len(blocks)} blocks.")
    by_plane: dict[Index, list[_Block]] = {}
    for block in blocks:
        by_plane.setdefault(tuple(block.start.get(d, 0) - lows[d] for d in leading), []).append(block)
    if len(by_plane) < math.prod(shape):
        raise ImageError(
            f"{source} promises {math.prod(shape)} planes of {names[index]} ({', '.join(leading)}: {shape}), but holds "
            f"{len(by_plane)}: the acquisition was broken off, or a part of the file is missing. Export the planes "
            "that are complete."
        )
    sides = (rows, columns, first.samples) if first.samples > 1 else (rows, columns)

    def read(position: Index) -> NDArray[Any]:
        plane = np.zeros((rows, columns, first.samples), first.dtype)
        for block in by_plane[position]:
            part = _pixels(file, block)
            y, x = block.start["Y"] - lows["Y"], block.start["X"] - lows["X"]
            plane[y : y + part.shape[0], x : x + part.shape[1]] = part
        return plane.reshape(sides)

    letters = "".join(_LETTERS.get(d, "?") for d in leading) + ("YXS" if first.samples > 1 else "YX")
    xml = file.metadata()
    said = czi_metadata(xml, str(source), letters, lengths["C"])
    each = shape if math.prod(shape) <= _MOST_ASKED else (1,) * len(shape)
    planes = TakenPlanes.of(letters[: len(shape)], each, lambda place: _taken(file, by_plane[place][0]))
    number = first.start.get("S", 0)
    # Of a stack, one place along the depth is not that of its planes.
    listed = scene_place(xml, number) if lengths["Z"] == 1 else scene_place(xml, number)._replace(z=None)
    planes = planes or TakenPlanes.of("", (), lambda place: listed)
    said = said.or_else(said_by("CZI metadata", str(source), planes=planes))
    name = names[index] if len(names) > 1 else source.stem
    return LazyImage(
        read, letters, (*shape, *sides), first.dtype, said, name=name, scenes=names, scene=index, close=file.close
    )


def _taken(file: Any, block: _Block) -> PlaneTaken:
    """Return where the stage was at a block, whose metadata are XML or, in older versions of czifile, a dictionary."""
    segment = _segment(file, block)
    found = segment.metadata() if callable(segment.metadata) else segment.metadata
    if isinstance(found, str) and found.strip():
        tags = parse_xml(found).find("Tags")
        said = {} if tags is None else {one.tag: one.text for one in tags}
    else:
        said = (found.get("Tags") or {}) if isinstance(found, dict) else {}
    places = (said.get(name) for name in ("FocusPosition", "StageYPosition", "StageXPosition"))
    return PlaneTaken(*(as_number(place) for place in places))


def _segment(file: Any, block: _Block) -> Any:
    entry = block.entry
    return entry.data_segment() if hasattr(entry, "data_segment") else entry.read_segment_data(file)


def _pixels(file: Any, block: _Block) -> NDArray[Any]:
    """Read a block as (rows, columns, samples)."""
    return np.reshape(_segment(file, block).data(), (block.size["Y"], block.size["X"], block.samples))
