"""Which regions of equal pixels no camera can have left so, by their size, value and edges."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.bands import bands
from napari_deepblur.noise.census import percentiles
from napari_deepblur.noise.edges import Edges
from napari_deepblur.noise.equal_regions import equal_regions
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.plane import Mask, Plane

Array = NDArray[np.float64]

_WELL_SAMPLED = 0.3
SMALLEST_REGION, _SMALLEST_SURE, _SHORTEST_EDGE = 4, 16, 12
"""Pixels of a region, with noise and without, and pairs of pixels across its edge, from which on it can be judged."""

_TOP_SHARE = 1e-3
"""Share of pixels that may lie above a plateau of saturation: hot ones."""

_CHANCE = 1e-3
"""Expected number of equal regions by chance, below which one is taken for no chance."""

_MORE_ALIKE = 2.0
"""How much more alike places may be than usual."""

_BANDS_FOR_USUAL = 8
"""Bands of a large image that tell what is usual."""

FLAT, FULL, DRAWN, SHORT = 1, 2, 3, 4
"""Kinds of regions: flat; plateaus of the largest value, drawn ones, and ones too short to tell; 0 for others."""


@final
class Scene:
    """What the whole image says about its regions."""

    def __init__(
        self, pixels: Plane, cutoff: float | None, noise: PoissonGaussianNoise, step: float, known: Mask
    ) -> None:
        self._pixels, self._known, self._noise, self._step = pixels, known, noise, step
        self._well_sampled = cutoff is not None and cutoff <= _WELL_SAMPLED

    @cached_property
    def _usual(self) -> float:
        """Share of neighbours that are alike, in a few bands of the image."""
        several = list(bands(self._pixels.shape))
        chosen = several[:: math.ceil(len(several) / _BANDS_FOR_USUAL)]
        width = slice(0, self._pixels.shape[1])
        shares = [
            (equal_regions(self._pixels[band.rows, width], SMALLEST_REGION).usual, band.rows.stop - band.rows.start)
            for band in chosen
        ]
        return float(sum(share * rows for share, rows in shares) / sum(rows for _, rows in shares))

    @cached_property
    def _contrast(self) -> float:
        high, low = percentiles(self._pixels, (99.9, 0.1), self._known if self._known.any() else None)
        return high - low

    @cached_property
    def _top(self) -> float:
        return percentiles(self._pixels, (100 * (1 - _TOP_SHARE),))[0]

    def kinds(self, size: NDArray[Any], value: Array, edges: Edges) -> NDArray[np.int8]:
        """Judge regions by pixels, value and edges."""
        step, contrast = self._step, self._contrast
        deviation = np.sqrt(self._noise.variance(value))
        # Two neighbours are alike by chance where rounding makes them so; 4 counts the ways in which a region grows.
        alike = np.minimum(step / (2 * math.sqrt(math.pi) * np.maximum(deviation, 1e-30)), 1.0)
        # Where signal passes for noise, as in undersampled images, what is seen elsewhere is the better guide.
        alike = np.maximum(alike, min(_MORE_ALIKE * self._usual, 1.0))
        noisy = (alike < 0.125) & (deviation > 1e-3 * contrast)
        with np.errstate(divide="ignore"):
            chance = math.log(self._pixels.size) + (size - 1) * np.log(np.minimum(4 * alike, 1.0))
        unlikely = noisy & (chance < math.log(_CHANCE))
        # Without noise only the shape of the edge is left: the optics begin softly, a cut does not.
        steep = (edges.first > 3 * edges.second) | (noisy & (edges.first + edges.second > 10 * edges.third))
        least = np.maximum(np.maximum(5 * deviation, 6 * step), np.where(noisy, 0.02, 0.1) * contrast)
        long = edges.length >= _SHORTEST_EDGE
        cut = steep & (edges.first + edges.second > least) & long
        floor = edges.above > 0.98
        # What was cut off at black takes off gently somewhere; a mask ends in a step all the way round.
        abrupt = edges.least > np.maximum(np.maximum(5 * deviation, 3 * step), 0.02 * contrast)
        cut &= (noisy & ~floor) | ((size >= _SMALLEST_SURE) & (self._well_sampled | (noisy & abrupt)))
        full = _is_full(value / step if step > 0 else value)
        dropped = (edges.first > np.maximum(3 * step, 1e-3 * contrast)) & (edges.first > 0.4 * edges.second)
        top = (edges.above == 0) & (value >= self._top) & (unlikely | (dropped & (full | (step == 0))))
        drawn = top & steep & abrupt & (edges.first + edges.second > least) & long
        kind = np.where(cut | (unlikely & ~floor), FLAT, 0)
        kind = np.where(top, np.where(long, FULL, SHORT), kind)
        return np.where(drawn, DRAWN, kind).astype(np.int8)


def _is_full(counts: Array) -> NDArray[np.bool_]:
    """Whether numbers are the largest of a converter: 2^n - 1."""
    power = np.log2(np.maximum(counts, 0) + 1)
    return np.asarray((power >= 4) & (np.abs(power - np.rint(power)) < 1e-9))
