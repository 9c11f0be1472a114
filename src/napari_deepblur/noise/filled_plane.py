"""A large plane with something plausible in the place of what does not count, filled in region by region."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_cdt

from napari_deepblur.bands import blocks
from napari_deepblur.plane import Mask, RegionPlane, widened

_DEEP = 64
"""Distance in pixels from what counts, up to which the image is continued by reflection. Farther away nobody sees what
is there, and it only has to have the intensities and the noise of the image."""

_PATCH = 256
"""Side in pixels of the part of the image that stands there."""

Fill = Callable[[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.float32]]
"""Fills a part of the image: its pixels, which are hidden, and which of them are plateaus."""


@final
class FilledPlane(RegionPlane):
    """A plane whose hidden pixels are filled in when a region is read.

    Each pixel is filled from what lies within twice `_DEEP` of it, so that it is the same in whatever region.

    Parameters
    ----------
    plane
        What was observed.
    hidden, odd
        Where to fill, and which of these are plateaus of saturation.
    fill
        How.
    """

    def __init__(self, plane: RegionPlane, hidden: Mask, odd: Mask, fill: Fill) -> None:
        super().__init__(plane.shape)
        self._plane, self._hidden, self._odd, self._fill = plane, hidden, odd, fill

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Read a region."""
        around, inner = widened((rows, columns), self.shape, 2 * _DEEP)
        hidden = self._hidden[around]
        if not hidden[inner].any():
            return self._plane[rows, columns]
        observed, odd = self._plane[around], self._odd[around]
        if hidden.all():
            filled = observed
        else:
            filled = self._fill(observed, hidden, odd)
        # Beyond the part that was read something may lie nearer, but not within this distance of the region.
        deep = hidden & (distance_transform_cdt(hidden, "chessboard") > _DEEP) if not hidden.all() else hidden
        if deep[inner].any():
            filled = np.where(deep, np.maximum(self._patched(*around), np.where(odd, observed, -np.inf)), filled)
        return np.ascontiguousarray(filled[inner], dtype=np.float32)

    def _patched(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Cover a region with the patch, which begins anew every so many pixels of the plane."""
        patch = self._patch
        down, right = (np.arange(p.start, p.stop) % n for p, n in zip((rows, columns), patch.shape, strict=True))
        return np.asarray(patch[down[:, None], right])

    @cached_property
    def _patch(self) -> NDArray[np.float32]:
        """The part of the image with the fewest hidden pixels, filled in."""
        best, found = np.inf, (slice(0, 0), slice(0, 0))
        for (rows, columns), _, _ in blocks(self.shape):
            closed = self._hidden[rows, columns]
            for top in range(0, max(closed.shape[0] - _PATCH, 0) + 1, _PATCH):
                for left in range(0, max(closed.shape[1] - _PATCH, 0) + 1, _PATCH):
                    part = closed[top : top + _PATCH, left : left + _PATCH]
                    if part.mean() < best:
                        best = float(part.mean())
                        found = (
                            slice(rows.start + top, rows.start + top + part.shape[0]),
                            slice(columns.start + left, columns.start + left + part.shape[1]),
                        )
            if best == 0:
                break
        hidden = self._hidden[found]
        pixels = self._plane[found]
        return self._fill(pixels, hidden, self._odd[found]) if hidden.any() and not hidden.all() else pixels
