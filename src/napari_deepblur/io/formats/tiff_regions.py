"""Rows and columns of a page of a TIFF file, of which only the strips or tiles that they lie in are decoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.plane import inside_of

_MOST_PIXELS = 2**22
"""Of a strip: where one holds more than that, as where there is one, the page is better read as a whole."""


def has_regions(page: Any) -> bool:
    """Tell whether regions of a page can be read by themselves: it is a plane of one sample, in small pieces."""
    key = page.keyframe
    if key.axes != "YX" or key.imagedepth != 1 or key.samplesperpixel != 1:
        return False
    length, width = _sides(key)
    return bool(length * width <= _MOST_PIXELS)


def read_region(page: Any, rows: slice, columns: slice) -> NDArray[Any]:
    """Read rows and columns, both with a start and a stop, of a page of which `has_regions` is true."""
    key = page.keyframe
    length, width = _sides(key)
    across = -(-key.imagewidth // width)
    found = np.zeros((rows.stop - rows.start, columns.stop - columns.start), key.dtype)
    for row in range(rows.start // length, -(-rows.stop // length)):
        for column in range(columns.start // width, -(-columns.stop // width)):
            piece = _piece(page, row * across + column)
            if piece is None:
                continue
            top, left = row * length, column * width
            down = slice(max(rows.start, top), min(rows.stop, top + piece.shape[0]))
            right = slice(max(columns.start, left), min(columns.stop, left + piece.shape[1]))
            here = inside_of((down, right), (rows, columns))
            found[here] = piece[down.start - top : down.stop - top, right.start - left : right.stop - left]
    return found


def _sides(key: Any) -> tuple[int, int]:
    """Rows and columns of a strip or tile."""
    if key.is_tiled:
        return int(key.tilelength), int(key.tilewidth)
    return min(int(key.rowsperstrip), int(key.imagelength)), int(key.imagewidth)


def _piece(page: Any, index: int) -> NDArray[Any] | None:
    """Decode a strip or tile, as far as it lies in the page; None where nothing is stored."""
    offset, count = page.dataoffsets[index], page.databytecounts[index]
    if not count:
        return None
    file = page.parent.filehandle
    with file.lock:
        file.seek(offset)
        data = file.read(count)
    tables = page.jpegtables if page.jpegtables is not None else page.keyframe.jpegtables
    segment, _, shape = page.keyframe.decode(data, index, jpegtables=tables)
    return None if segment is None else np.asarray(segment[0, : shape[1], : shape[2], 0])
