"""Connected regions of equal pixels, in little memory.

Labelling functions of libraries hold several whole numbers a pixel, and give a label to each of the many pixels that
are equal to none. Here, rows are cut into runs of equal pixels, of which only those that touch an equal one count; runs
that meet in neighbouring rows are joined as the nodes of a sparse graph.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_LARGE = 64
"""Pixels of a region from which on it does not tell what is usual."""


class Regions(NamedTuple):
    """Connected regions of equal pixels, as one entry of each array a region; `labels` tells where they are.

    Attributes
    ----------
    labels
        Shape (H, W); 0 for pixels that have no equal neighbour.
    number, size, value
        Label, pixels, and value of regions that are large enough.
    usual
        Share of neighbours that are alike, outside of large regions.
    """

    labels: NDArray[np.integer[Any]]
    number: NDArray[np.intp]
    size: NDArray[np.intp]
    value: Array
    usual: float


class Neighbours(NamedTuple):
    """Which pixels are equal: to the one below, shape (H - 1, W), and to the one to the right, (H, W - 1)."""

    down: Mask
    right: Mask

    @property
    def any_of(self) -> Mask:
        """Pixels that have an equal neighbour, shape (H, W)."""
        equal = np.zeros((self.right.shape[0], self.down.shape[1]), bool)
        equal[1:] |= self.down
        equal[:-1] |= self.down
        equal[:, 1:] |= self.right
        equal[:, :-1] |= self.right
        return equal


def neighbours(pixels: NDArray[np.floating[Any]]) -> Neighbours:
    """Compare pixels in float32, the precision in which images are computed."""
    values = pixels.astype(np.float32, copy=False)
    return Neighbours(values[1:] == values[:-1], values[:, 1:] == values[:, :-1])


def equal_regions(pixels: NDArray[np.floating[Any]], smallest: int) -> Regions:
    """Find regions of pixels that are equal in float32.

    Parameters
    ----------
    pixels
        An image, or a band of one, shape (H, W), finite.
    smallest
        Pixels of a region that is named.
    """
    down, right = alike = neighbours(pixels)
    equal = alike.any_of
    if not equal.any():
        none = np.zeros(0, np.intp)
        return Regions(np.zeros(pixels.shape, np.int32), none, none, np.zeros(0), 0.0)
    labels, begins, whose = _labels(equal, down, right)
    # Counted by runs: counting the labels of all pixels would make another whole number of each.
    length = np.add.reduceat(equal.ravel(), begins, dtype=np.intp)
    size = np.bincount(whose, length).astype(np.intp)
    number = np.flatnonzero(size >= smallest)
    number = number[number > 0]
    first = np.zeros(len(size), np.intp)
    first[whose[::-1]] = begins[::-1]
    large = size >= _LARGE
    large[0] = False
    small = ~large[labels]
    pairs = [
        alike[one & other]
        for alike, one, other in ((down, small[1:], small[:-1]), (right, small[:, 1:], small[:, :-1]))
    ]
    counted = sum(part.size for part in pairs)
    usual = sum(int(part.sum()) for part in pairs) / counted if counted else 1.0
    return Regions(labels, number, size[number], pixels.ravel()[first[number]].astype(np.float64), float(usual))


def _labels(equal: Mask, down: Mask, right: Mask) -> tuple[NDArray[np.int32], NDArray[np.intp], NDArray[np.int32]]:
    """Label regions from 1; also the first pixel of each run, counted along the rows, and the region of each run."""
    starts = equal.copy()
    starts[:, 1:] &= ~right
    begins = np.flatnonzero(starts)
    # Until there are labels, the number of the run of each pixel, from 1, where there is one.
    labels = np.cumsum(starts.ravel(), dtype=np.int32).reshape(equal.shape)
    labels *= equal
    # One edge for each two runs that meet: where they begin to.
    meets = down.copy()
    meets[:, 1:] &= ~(down[:, :-1] & right[1:] & right[:-1])
    above, below = labels[:-1][meets], labels[1:][meets]
    graph = coo_array((np.ones(len(above), bool), (above, below)), shape=(len(begins) + 1,) * 2)
    region = connected_components(graph, directed=False)[1].astype(np.int32)
    # Node 0 stands for pixels without an equal neighbour, and is a component of its own, the first.
    np.take(region, labels, out=labels, mode="clip")
    return labels, begins, region[1:]
