"""Regions that reach from one band of an image into the next: labelled band by band, and joined afterwards."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Numbers = NDArray[np.integer[Any]]


@final
class Joined:
    """Parts of regions, numbered from 0, and which of them are one."""

    def __init__(self) -> None:
        self.count = 0
        self._pairs: list[tuple[Numbers, Numbers]] = []

    def new(self, count: int) -> Numbers:
        """Return the numbers of so many new parts."""
        self.count += count
        return np.arange(self.count - count, self.count)

    def join(self, one: Numbers, other: Numbers) -> None:
        """Let parts be one, pair by pair; pairs with a negative number are left out."""
        both = (one >= 0) & (other >= 0)
        if both.any():
            pairs = np.unique(np.stack([one[both], other[both]]), axis=1)
            self._pairs.append((pairs[0], pairs[1]))

    def groups(self) -> Numbers:
        """Return the number of the whole region of each part."""
        if not self._pairs:
            return np.arange(self.count)
        one, other = (np.concatenate(side) for side in zip(*self._pairs, strict=True))
        graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(self.count, self.count))
        return np.asarray(connected_components(graph, directed=False)[1])
