"""Whole blocks of an array of zarr, each written once its pixels are all there, and the halved copies of a pyramid.

Writing a part of a shard means to read and pack all of it again; two writers of one shard would lose what the other
wrote. So there is one writer, and it writes whole shards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.compression import Compression
from napari_deepblur.io.sinks.base import Region
from napari_deepblur.io.sinks.pyramid import coarser_sides, halved_parts
from napari_deepblur.plane import Mask, Plane, RegionPlane, is_large, mask_of

_CHUNK, _SHARD = 256, 1024
"""Sides of what is packed together, and of what is one file, in pixels."""


@final
class Blocks:
    """Planes of an array of zarr, whose blocks are written whole.

    Parameters
    ----------
    array
        Of zarr; its last axes are rows and columns.
    folder
        Where it lies, if blocks that are there already are to stay: they are not written again.

    Attributes
    ----------
    array
        As above.
    written
        Whether there is any block.
    """

    def __init__(self, array: Any, folder: Path | None = None) -> None:
        self.array, self._folder, self.written = array, folder, folder is not None
        self._there: dict[tuple[int, ...], bool] = {}
        self._side: tuple[int, int] = (array.shards or array.chunks)[-2:]
        self._pending: dict[tuple[int, ...], tuple[NDArray[Any], NDArray[np.bool_]]] = {}

    @classmethod
    def new(
        cls,
        group: Any,
        path: str,
        shape: Sequence[int],
        dtype: np.dtype[Any],
        letters: str,
        compression: Compression = "zstd",
    ) -> Self:
        """Make an array in a group of zarr: in shards where a plane is larger than one."""
        from zarr.codecs import GzipCodec, ZstdCodec

        # What zarr calls gzip packs as zlib does.
        packs: dict[Compression, Any] = {"zlib": GzipCodec(), "zstd": ZstdCodec(), "none": None}
        ones = (1,) * (len(shape) - 2)
        chunks = [min(_CHUNK, side) for side in shape[-2:]]
        large = max(shape[-2:]) > _SHARD
        shards = [chunk * math.ceil(min(_SHARD, n) / chunk) for chunk, n in zip(chunks, shape[-2:], strict=True)]
        array = group.create_array(
            path,
            shape=tuple(shape),
            dtype=dtype,
            chunks=(*ones, *chunks),
            shards=(*ones, *shards) if large else None,
            compressors=packs[compression],
            dimension_names=list(letters.lower()),
            config={"write_empty_chunks": True},
            overwrite=True,
        )
        return cls(array)

    def write(self, index: tuple[int, ...], region: Region, pixels: NDArray[Any]) -> None:
        """Take a part of a plane; blocks that are complete are written, others wait."""
        for block in self._touched(region):
            rows, columns = self._extent(block)
            r, c = _shared(rows, region[0]), _shared(columns, region[1])
            part = pixels[_within(r, region[0]), _within(c, region[1])]
            key = (*index, *block)
            if self._there.get(key):
                continue
            shape = rows.stop - rows.start, columns.stop - columns.start
            if part.shape == shape:
                self._pending.pop(key, None)
                self._store((*index, rows, columns), part)
                continue
            if key not in self._pending:
                self._pending[key] = np.zeros(shape, self.array.dtype), np.zeros(shape, bool)
            held, seen = self._pending[key]
            held[_within(r, rows), _within(c, columns)] = part
            seen[_within(r, rows), _within(c, columns)] = True
            if seen.all():
                self._store((*index, rows, columns), held)
                del self._pending[key]

    def _store(self, place: tuple[int | slice, ...], pixels: NDArray[Any]) -> None:
        self.array[place] = pixels
        self.written = True

    def flush(self) -> None:
        """Write what waits, over what is there already."""
        for (*index, row, column), (held, seen) in self._pending.items():
            place = (*index, *self._extent((row, column)))
            self.array[place] = np.where(seen, held, self.array[place])
        self._pending.clear()

    def read_written(self, index: tuple[int, ...], seen: Callable[[NDArray[Any]], object]) -> tuple[Plane, Mask]:
        """Find the blocks of a plane that are there; return the plane, and which of its pixels were read.

        A block that cannot be read, as after a power failure, counts as absent. Of a large plane none is held: it is
        read by regions.

        Parameters
        ----------
        index
            Of the plane.
        seen
            Called with the pixels of each block.
        """
        shape = self.array.shape[-2:]
        written = _Written(shape, partial(self._read_there, index))
        plane: Plane = written if is_large(shape) else np.zeros(shape, np.float32)
        there = mask_of(plane)
        for block in self._touched((slice(0, shape[0]), slice(0, shape[1]))):
            rows, columns = self._extent(block)
            key = (*index, *block)
            self._there[key] = False
            if self._folder is None or not (self._folder / self.array.metadata.encode_chunk_key(key)).is_file():
                continue
            try:
                pixels = self.array[(*index, rows, columns)]
            except Exception:
                # What decoders raise on half a block is not their promise; it is written again.
                continue
            seen(pixels)
            if isinstance(plane, np.ndarray):
                plane[rows, columns] = pixels
            there[rows, columns] = self._there[key] = True
        return plane, there

    def _read_there(self, index: tuple[int, ...], region: Region) -> NDArray[np.float32]:
        """Read a region of a plane, with 0 for blocks that were not there."""
        found = np.zeros([part.stop - part.start for part in region], np.float32)
        for block in self._touched(region):
            if self._there.get((*index, *block)):
                rows, columns = self._extent(block)
                r, c = _shared(rows, region[0]), _shared(columns, region[1])
                found[_within(r, region[0]), _within(c, region[1])] = self.array[(*index, r, c)]
        return found

    def regions(self) -> Iterator[Region]:
        """Rows and columns of each block of a plane."""
        height, width = self.array.shape[-2:]
        yield from map(self._extent, self._touched((slice(0, height), slice(0, width))))

    def _touched(self, region: Region) -> list[tuple[int, int]]:
        rows, columns = (
            range(part.start // side, math.ceil(part.stop / side))
            for part, side in zip(region, self._side, strict=True)
        )
        return [(row, column) for row in rows for column in columns]

    def _extent(self, block: tuple[int, int]) -> Region:
        rows, columns = (
            slice(place * side, min((place + 1) * side, length))
            for place, side, length in zip(block, self._side, self.array.shape[-2:], strict=True)
        )
        return rows, columns


@final
class _Written(RegionPlane):
    """What is there of a large plane."""

    def __init__(self, shape: tuple[int, int], read_region: Callable[[Region], NDArray[np.float32]]) -> None:
        super().__init__(shape)
        self._read_region = read_region

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        return self._read_region((rows, columns))


def pyramid_levels(group: Any, full: Blocks, compression: Compression = "zstd") -> list[str]:
    """Write copies of half the size, each pixel the mean of four, block by block; return the paths of all levels."""
    paths, finer = ["0"], full
    letters = "".join(full.array.metadata.dimension_names)
    for sides in coarser_sides(full.array.shape[-2:]):
        shape = (*full.array.shape[:-2], *sides)
        coarser = Blocks.new(group, str(len(paths)), shape, full.array.dtype, letters, compression)
        for index, region, pixels in halved_parts(finer.array, list(coarser.regions())):
            coarser.write(index, region, pixels)
        paths.append(str(len(paths)))
        finer = coarser
    return paths


def _shared(one: slice, other: slice) -> slice:
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)
