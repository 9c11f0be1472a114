"""Numbers of all pixels of a plane: quantiles, moments, the step of the digits; exact, in passes over its parts.

The bits of a float32, read as a whole number and turned round where negative, are in the order of the values. Counting
the first 16 bits tells in which of 65 536 intervals a quantile lies, and counting the others in there, which one it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.bands import blocks
from napari_deepblur.noise.lattice import lattice_step, lattice_step_of_parts
from napari_deepblur.plane import Mask, Plane, RegionPlane

_USUAL = (0.1, 1.0, 50.0, 99.0, 99.9)
"""Percentiles that somebody will want: all are found in the same passes."""


class Moments(NamedTuple):
    """Number, least, largest and mean of pixels, and their variance."""

    number: int
    low: float
    high: float
    mean: float
    variance: float


def counted(plane: Plane, hidden: Mask | None = None) -> Iterator[NDArray[Any]]:
    """Yield the values of all pixels that are not hidden, part by part; those of an array in one."""
    if not isinstance(plane, RegionPlane):
        yield plane.ravel() if hidden is None else plane[~hidden[:, :]]
        return
    for place, _, _ in blocks(plane.shape):
        part = plane[place]
        yield part.ravel() if hidden is None else part[~hidden[place]]


def percentiles(plane: Plane, wanted: Sequence[float], hidden: Mask | None = None) -> list[float]:
    """Return percentiles of the pixels that are not hidden, exactly those of ``numpy.percentile``."""
    if not isinstance(plane, RegionPlane):
        values = plane if hidden is None else plane[~hidden[:, :]]
        return [float(value) for value in np.percentile(values, wanted, overwrite_input=hidden is not None)]
    found: dict[float, float] = plane.kept.setdefault(("percentiles", id(hidden)), {})
    if missing := [one for one in dict.fromkeys((*wanted, *_USUAL)) if one not in found]:
        found |= dict(zip(missing, _percentiles(plane, missing, hidden), strict=True))
        # As long as it is remembered by its number, it must not become another one.
        plane.kept["hidden", id(hidden)] = hidden
    return [found[one] for one in wanted]


def moments(plane: Plane, hidden: Mask | None = None) -> Moments:
    """Count and sum the pixels that are not hidden, in float64."""
    key = "moments", id(hidden)
    if isinstance(plane, RegionPlane) and key in plane.kept:
        kept: Moments = plane.kept[key]
        return kept
    count, low, high, total, squares, middle = 0, np.inf, -np.inf, 0.0, 0.0, 0.0
    for part in counted(plane, hidden):
        if not part.size:
            continue
        if not count:
            # Near the mean, so that squares of large offsets do not cancel.
            middle = float(part.mean(dtype=np.float64))
        count += part.size
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        away = part.astype(np.float64) - middle
        total += float(away.sum())
        squares += float(np.square(away, out=away).sum())
    mean = total / max(count, 1)
    found = Moments(count, low, high, middle + mean, max(squares / max(count, 1) - mean**2, 0.0))
    if isinstance(plane, RegionPlane):
        plane.kept |= {key: found, ("hidden", id(hidden)): hidden}
    return found


def step_of(plane: Plane, hidden: Mask | None = None) -> float:
    """Find the step of the digits (`lattice_step`) of the pixels that are not hidden."""
    if not isinstance(plane, RegionPlane):
        return lattice_step(plane if hidden is None else plane[~hidden[:, :]])
    return lattice_step_of_parts(lambda: counted(plane, hidden))


def _percentiles(plane: RegionPlane, wanted: Sequence[float], hidden: Mask | None) -> list[float]:
    """Find the order statistics on both sides of each percentile, and go between them as NumPy does."""
    coarse = np.zeros(2**16, np.int64)
    for part in counted(plane, hidden):
        coarse += np.bincount(_ordered(part) >> 16, minlength=2**16)
    count = int(coarse.sum())
    if not count:
        return [float("nan")] * len(wanted)
    place = np.true_divide(np.asarray(wanted, np.float64), np.float32(100)) * (count - 1)
    before = np.floor(place).astype(np.int64)
    ranks = np.unique(np.concatenate([before, np.minimum(before + 1, count - 1)]))
    ends = np.cumsum(coarse)
    interval = np.searchsorted(ends, ranks, side="right")
    fine = {int(one): np.zeros(2**16, np.int64) for one in np.unique(interval)}
    for part in counted(plane, hidden):
        key = _ordered(part)
        first = key >> 16
        for one, counts in fine.items():
            counts += np.bincount(key[first == one] & 0xFFFF, minlength=2**16)
    value: dict[int, np.float32] = {}
    for rank, one in zip(ranks.tolist(), interval.tolist(), strict=True):
        inside = rank - int(ends[one] - coarse[one])
        last = int(np.searchsorted(np.cumsum(fine[one]), inside, side="right"))
        value[rank] = _from_order(one << 16 | last)
    found = []
    for at, low in zip(place.tolist(), before.tolist(), strict=True):
        a, b, share = value[low], value[min(low + 1, count - 1)], at - low
        difference = np.float64(b - a)
        between = np.float64(b) - difference * (1 - share) if share >= 0.5 else np.float64(a) + difference * share
        found.append(float(between))
    return found


def _ordered(values: NDArray[Any]) -> NDArray[np.uint32]:
    bits = values.astype(np.float32, copy=False).view(np.uint32)
    # Negative ones the other way round, and below the positive ones.
    return np.where(bits >> 31, ~bits, bits | np.uint32(2**31))


def _from_order(key: int) -> np.float32:
    bits = key ^ 2**31 if key >> 31 else ~key & 0xFFFFFFFF
    return np.uint32(bits).view(np.float32)
