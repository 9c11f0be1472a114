"""What is seen across the edges of regions: how intensities step from a region into what is around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.integer[Any]]

REACH = 3
"""Pixels outwards."""


class Edges(NamedTuple):
    """What is seen across the edge of each region.

    Medians of the steps outwards, |y1 - v|, |y2 - y1|, |y3 - y2|; the least of the first, but for a twentieth; how
    often y1 > v; and the number of pairs of pixels.
    """

    first: Array
    second: Array
    third: Array
    least: Array
    above: Array
    length: Array


class Steps(NamedTuple):
    """Pairs of pixels across edges: the number of the region of each, the three steps outwards, and whether y1 > v."""

    whose: Numbers
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    third: NDArray[np.float32]
    above: NDArray[np.bool_]

    def those(self, chosen: NDArray[np.bool_] | slice) -> Steps:
        """Return some of them."""
        return Steps(
            self.whose[chosen], self.first[chosen], self.second[chosen], self.third[chosen], self.above[chosen]
        )

    @classmethod
    def together(cls, several: Sequence[Steps]) -> Steps:
        """Return all of several."""
        whose, first, second, third, above = (np.concatenate(part) for part in zip(*several, strict=True))
        return cls(whose, first, second, third, above)


def steps_across(values: NDArray[np.floating[Any]], alike: NDArray[Any], whose: Numbers) -> Steps:
    """Collect the steps outwards from regions.

    Parameters
    ----------
    values
        Intensities, shape (H, W), of a part of an image with `REACH` rows around what is asked about.
    alike
        Equal for neighbours of the same region, different for others, shape (H, W).
    whose
        Number of the region of each pixel from which to step, -1 for others, shape (H, W).
    """
    parts: list[tuple[NDArray[Any], ...]] = []
    for axis in (0, 1):
        for direction in (1, -1):
            v, same, number = (
                np.flip(np.swapaxes(a, 0, axis), 0) if direction < 0 else np.swapaxes(a, 0, axis)
                for a in (values, alike, whose)
            )
            if len(v) <= REACH:
                continue
            at = np.nonzero((number[:-3] >= 0) & (same[:-3] != same[1:-2]))
            rows, columns = at
            y = [v[rows + k, columns].astype(np.float64) for k in range(REACH + 1)]
            steps = [np.abs(y[k + 1] - y[k]).astype(np.float32) for k in range(REACH)]
            parts.append((number[at], *steps, y[1] > y[0]))
    if not parts:
        none = np.zeros(0, np.float32)
        return Steps(np.zeros(0, np.intp), none, none, none, np.zeros(0, bool))
    return Steps(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def edges_of(steps: Steps, count: int) -> Edges:
    """Sum up the steps of regions 0 to `count` - 1; entries of the result are 0 where a region has none."""
    length = np.bincount(steps.whose, minlength=count)
    above = np.bincount(steps.whose, steps.above, minlength=count) / np.maximum(length, 1)
    first, second, third = (_quantile(steps.whose, v, length, 0.5) for v in steps[1:4])
    least = _quantile(steps.whose, steps.first, length, 0.05)
    return Edges(first, second, third, least, above, length.astype(np.float64))


def _quantile(whose: Numbers, values: NDArray[Any], count: Numbers, share: float) -> Array:
    """Quantile of the values of each region, 0 where it has none."""
    ordered = np.append(values[np.lexsort((values, whose))].astype(np.float64), 0.0)
    first = np.cumsum(count) - count
    return np.where(count > 0, ordered[first + (share * np.maximum(count - 1, 0)).astype(np.intp)], 0.0)
