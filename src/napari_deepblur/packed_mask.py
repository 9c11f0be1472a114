"""A mask of a large plane, packed: an eighth of a byte a pixel at most, and next to nothing where it is even."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import final

import numpy as np
from numpy.typing import NDArray

Region = tuple[slice, slice]
"""Rows and columns."""

_SIDE = 512
"""Of the blocks that are packed, in pixels."""


def spans(key: Region, shape: tuple[int, int]) -> Region:
    """Give both slices a start and a stop inside a plane of this shape."""
    rows, columns = (slice(*part.indices(length)[:2]) for part, length in zip(key, shape, strict=True))
    return slice(rows.start, max(rows.start, rows.stop)), slice(columns.start, max(columns.start, columns.stop))


@final
class PackedMask:
    """True or False for each pixel of a plane, read and written by regions as an array is.

    Parameters
    ----------
    shape
        Rows and columns. All pixels are False.

    Attributes
    ----------
    shape
        As above.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._blocks: dict[tuple[int, int], bytes] = {}
        self._counts: dict[tuple[int, int], int] = {}

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def __getitem__(self, key: Region) -> NDArray[np.bool_]:
        """Read a region."""
        region = spans(key, self.shape)
        found = np.zeros([part.stop - part.start for part in region], bool)
        for block, inside, outside in self._touched(region):
            if block in self._blocks:
                found[outside] = self._unpacked(block)[inside]
        return found

    def __setitem__(self, key: Region, values: NDArray[np.bool_] | bool) -> None:
        """Write a region."""
        region = spans(key, self.shape)
        given = np.broadcast_to(np.asarray(values, bool), [part.stop - part.start for part in region])
        for block, inside, outside in self._touched(region):
            part = given[outside]
            if block not in self._blocks and not part.any():
                continue
            whole = self._unpacked(block)
            whole[inside] = part
            count = int(whole.sum())
            if count:
                self._blocks[block], self._counts[block] = zlib.compress(np.packbits(whole).tobytes(), 1), count
            else:
                self._blocks.pop(block, None)
                self._counts.pop(block, None)

    def any(self) -> bool:
        """Tell whether any pixel is True."""
        return bool(self._counts)

    def all(self) -> bool:
        """Tell whether all pixels are True."""
        return self.sum() == self.size

    def sum(self) -> int:
        """Count the pixels that are True."""
        return sum(self._counts.values())

    def mean(self) -> float:
        """Return the share of pixels that are True."""
        return self.sum() / max(self.size, 1)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(map(len, self._blocks.values()))

    def _unpacked(self, block: tuple[int, int]) -> NDArray[np.bool_]:
        rows, columns = (min(_SIDE, n - _SIDE * place) for n, place in zip(self.shape, block, strict=True))
        packed = self._blocks.get(block)
        if packed is None:
            return np.zeros((rows, columns), bool)
        bits = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=rows * columns)
        return bits.view(np.bool_).reshape(rows, columns)

    def _touched(self, region: Region) -> Iterator[tuple[tuple[int, int], Region, Region]]:
        """Yield blocks that a region touches, with the shared part in the block and in the region."""
        lists: list[list[tuple[int, slice, slice]]] = []
        for part in region:
            one = []
            for place in range(part.start // _SIDE, -(-part.stop // _SIDE)):
                first, last = max(part.start, place * _SIDE), min(part.stop, (place + 1) * _SIDE)
                if first < last:
                    shift = place * _SIDE
                    one.append(
                        (place, slice(first - shift, last - shift), slice(first - part.start, last - part.start))
                    )
            lists.append(one)
        for row, inside_rows, outside_rows in lists[0]:
            for column, inside_columns, outside_columns in lists[1]:
                yield (row, column), (inside_rows, inside_columns), (outside_rows, outside_columns)


AnyMask = NDArray[np.bool_] | PackedMask


def union(first: AnyMask, *others: AnyMask) -> AnyMask:
    """Return the union of masks."""
    return _combined(first, others, np.logical_or)


def without(first: AnyMask, *others: AnyMask) -> AnyMask:
    """Return what is True in the first mask and in none of the others."""
    return _combined(first, others, lambda mine, theirs: mine & ~theirs)


def _combined(
    first: AnyMask,
    others: tuple[AnyMask, ...],
    combine: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]],
) -> AnyMask:
    packed = any(isinstance(one, PackedMask) for one in (first, *others))
    result: AnyMask = PackedMask(first.shape) if packed else np.zeros(first.shape, bool)
    side = _SIDE if packed else max(first.shape[0], 1)
    for top in range(0, first.shape[0], side):
        strip = slice(top, top + side), slice(0, first.shape[1])
        combined = first[strip]
        for other in others:
            combined = combine(combined, other[strip])
        result[strip] = combined
    return result
