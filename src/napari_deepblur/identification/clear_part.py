"""The part of an image whose blur is looked for, where wide regions of it do not count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 8
_MOST_HIDDEN = 0.25
"""Share of a block of 8 x 8 pixels that may be hidden: isolated pixels are, and are filled in well."""

_HARMLESS = 0.03
"""Share of the image in such blocks up to which all of it is taken."""

_LEAST_KEPT = 0.3
"""Least share of what counts that the largest rectangle must hold; otherwise all of the image is taken, filled in."""


def clear_part(hidden: NDArray[np.bool_], smallest: int) -> tuple[slice, slice]:
    """Return the largest rectangle without wide hidden regions.

    What fills these in has neither the noise nor the blur of the image, and would be taken for evidence.

    Parameters
    ----------
    hidden
        Pixels that do not count, shape (H, W).
    smallest
        Shortest side of the rectangle.

    Returns
    -------
    tuple
        Its rows and columns: all of them where few pixels are hidden, or where there is no such rectangle.
    """
    whole = slice(0, hidden.shape[0]), slice(0, hidden.shape[1])
    rows, columns = (side // _BLOCK for side in hidden.shape)
    blocks = hidden[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3))
    open_blocks = blocks <= _MOST_HIDDEN
    if blocks[~open_blocks].sum() <= _HARMLESS * max(blocks.size, 1):
        return whole
    top, left, bottom, right = _largest_rectangle(open_blocks)
    enough = (bottom - top) * (right - left) >= _LEAST_KEPT * open_blocks.sum()
    if not enough or min(bottom - top, right - left) * _BLOCK < smallest:
        return whole
    # Rows and columns beyond the last whole block belong to it.
    ends = [
        hidden.shape[0] if bottom == rows else bottom * _BLOCK,
        hidden.shape[1] if right == columns else right * _BLOCK,
    ]
    return slice(top * _BLOCK, ends[0]), slice(left * _BLOCK, ends[1])


def _largest_rectangle(open_: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the largest rectangle that is open, by the heights above each row."""
    heights = np.zeros(open_.shape[1], int)
    best, found = 0, (0, 0, 0, 0)
    for row, line in enumerate(open_):
        heights = np.where(line, heights + 1, 0)
        waiting: list[tuple[int, int]] = []
        for column, height in enumerate([*heights.tolist(), 0]):
            first = column
            while waiting and waiting[-1][1] >= height:
                first, tall = waiting.pop()
                if tall * (column - first) > best:
                    best, found = tall * (column - first), (row + 1 - tall, first, row + 1, column)
            waiting.append((first, height))
    return found
