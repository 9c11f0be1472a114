"""Bands of rows, in which a large image is looked at: what is computed of one is forgotten before the next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from napari_deepblur.packed_mask import Region

_PIXELS = 2**21
"""Of a band: an image of 1448 x 1448 is one."""

_LEAST_ROWS = 64

_WIDEST = 4096
"""Columns of a block, so that what is around it does not outgrow it."""


class Band(NamedTuple):
    """Rows of an image.

    Attributes
    ----------
    rows
        Of the band; those of all bands are disjoint, and cover the image.
    around
        The same with some more on both sides, as far as the image goes.
    inner
        Where the rows are among these.
    """

    rows: slice
    around: slice
    inner: slice


class Block(NamedTuple):
    """Rows and columns of an image; otherwise as a `Band`."""

    place: Region
    around: Region
    inner: Region


def bands(shape: Sequence[int], reach: int = 0) -> Iterator[Band]:
    """Yield the bands of an image of this shape, with `reach` rows around each."""
    height, width = shape[0], shape[1]
    rows = max(_PIXELS // max(width, 1), _LEAST_ROWS)
    yield from _pieces(height, rows, reach)


def blocks(shape: Sequence[int], reach: int = 0) -> Iterator[Block]:
    """Yield the bands of an image, those of wide images cut into pieces, with `reach` pixels around each."""
    height, width = shape[0], shape[1]
    across = math.ceil(width / max(math.ceil(width / _WIDEST), 1))
    rows = max(_PIXELS // max(across, 1), _LEAST_ROWS)
    for down in _pieces(height, rows, reach):
        for right in _pieces(width, across, reach):
            yield Block((down.rows, right.rows), (down.around, right.around), (down.inner, right.inner))


def _pieces(length: int, side: int, reach: int) -> Iterator[Band]:
    for first in range(0, length, side):
        last = min(first + side, length)
        start = max(first - reach, 0)
        yield Band(slice(first, last), slice(start, min(last + reach, length)), slice(first - start, last - start))
