"""Bands of rows, in which a large image is looked at: what is computed of one is forgotten before the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_PIXELS = 2**21
"""Of a band: an image of 1448 x 1448 is one."""

_LEAST_ROWS = 64


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


def bands(shape: Sequence[int], reach: int = 0) -> Iterator[Band]:
    """Yield the bands of an image of this shape, with `reach` rows around each."""
    height, width = shape[0], shape[1]
    rows = max(_PIXELS // max(width, 1), _LEAST_ROWS)
    for first in range(0, height, rows):
        last = min(first + rows, height)
        start = max(first - reach, 0)
        yield Band(slice(first, last), slice(start, min(last + reach, height)), slice(first - start, last - start))
