"""A part of an image, as rows and columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_deepblur.checked_image import SMALLEST_SIDE


class Region(NamedTuple):
    """Rows and columns of an image, first included, last not."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def within(self, shape: tuple[int, int], largest: int) -> Region:
        """Cut to an image, to its middle where it is larger than `largest`, and widen it to what can be processed."""
        rows = _interval(self.top, self.bottom, shape[0], largest)
        columns = _interval(self.left, self.right, shape[1], largest)
        return Region(rows[0], columns[0], rows[1], columns[1])

    def with_halo(self, shape: tuple[int, int], halo: int) -> Region:
        """Widen it on all sides, as far as the image goes."""
        return Region(
            max(self.top - halo, 0),
            max(self.left - halo, 0),
            min(self.bottom + halo, shape[0]),
            min(self.right + halo, shape[1]),
        )


def _interval(first: int, last: int, length: int, largest: int) -> tuple[int, int]:
    first, last = sorted((int(np.clip(first, 0, length)), int(np.clip(last, 0, length))))
    wanted = int(np.clip(last - first, min(SMALLEST_SIDE, length), largest))
    middle = (first + last) // 2
    start = int(np.clip(middle - wanted // 2, 0, max(length - wanted, 0)))
    return start, min(start + wanted, length)
