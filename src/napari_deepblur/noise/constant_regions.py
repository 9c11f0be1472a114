"""Regions of an image in which all pixels are the same, where no camera can have left them so.

A connected region of one and the same value is set aside where noise cannot have left it alike: plateaus of a saturated
camera, constant borders; or where it ends in a step that the optics cannot make: masks, wedges of turned images.
What merely was cut off at black is kept: it is dark, and its edges are soft. A plateau of the largest value that ends
in such a step all the way round is no light too bright for the camera, but a block of hot pixels, a scale bar or text
that was written into the image.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_propagation

from napari_deepblur.noise.equal_regions import Regions, equal_regions
from napari_deepblur.noise.model import PoissonGaussianNoise

Array = NDArray[np.float64]
Pixels = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_WELL_SAMPLED = 0.3
_SMALLEST_REGION, _SMALLEST_SURE, _SHORTEST_EDGE = 4, 16, 12
"""Pixels of a region, with noise and without, and pairs of pixels across its edge, from which on it can be judged."""

_TOP_SHARE = 1e-3
"""Share of pixels that may lie above a plateau of saturation: hot ones."""

_CHANCE = 1e-3
"""Expected number of equal regions by chance, below which one is taken for no chance."""

_WRITING = 0.2
"""Share of the pixels of the largest value in regions that were drawn, from which on short ones are taken for drawn."""

_SMOOTHED = 2
"""Pixels around what was drawn into an image that its smoothed edge may have changed."""

_APART = 6
"""Half the distance of letters and words, in pixels."""

_SCENE, _BRIGHTER = 0.99, 5.0
"""Quantile of the scene, and standard deviations above it, beyond which a pixel near writing is a part of it."""

_MORE_ALIKE = 2.0
"""How much more alike places may be than usual."""


def constant_regions(
    pixels: Pixels, cutoff: float | None, noise: PoissonGaussianNoise, step: float, known: Mask
) -> tuple[Mask, Mask]:
    """Find plateaus of saturation, and constant borders, masks, rows and columns.

    Parameters
    ----------
    pixels, cutoff, noise, step
        As in `find_outliers`.
    known
        Pixels that are known not to count, shape (H, W).

    Returns
    -------
    tuple
        Two masks of shape (H, W): what is saturated, and the other constant regions, with the pixels around what was
        written into the image.
    """
    well_sampled = cutoff is not None and cutoff <= _WELL_SAMPLED
    nothing = np.zeros(pixels.shape, bool)
    regions = equal_regions(pixels, _SMALLEST_REGION)
    if not len(regions.number):
        return nothing, nothing
    edges = edges_of(pixels, regions)
    level = noise.variance(regions.value)
    deviation = np.sqrt(level)
    # Two neighbours are alike by chance where rounding makes them so; 4 counts the ways in which a region grows.
    alike = np.minimum(step / (2 * math.sqrt(math.pi) * np.maximum(deviation, 1e-30)), 1.0)
    # Where signal passes for noise, as in undersampled images, what is seen elsewhere in the image is the better guide.
    alike = np.maximum(alike, min(_MORE_ALIKE * regions.usual, 1.0))
    contrast = float(np.subtract(*np.percentile(pixels[~known], (99.9, 0.1), overwrite_input=True)))
    noisy = (alike < 0.125) & (deviation > 1e-3 * contrast)
    with np.errstate(divide="ignore"):
        chance = math.log(pixels.size) + (regions.size - 1) * np.log(np.minimum(4 * alike, 1.0))
    unlikely = noisy & (chance < math.log(_CHANCE))
    # Without noise only the shape of the edge is left: the optics begin softly, a cut does not.
    steep = (edges.first > 3 * edges.second) | (noisy & (edges.first + edges.second > 10 * edges.third))
    least = np.maximum(np.maximum(5 * deviation, 6 * step), np.where(noisy, 0.02, 0.1) * contrast)
    cut = steep & (edges.first + edges.second > least) & (edges.length >= _SHORTEST_EDGE)
    floor = edges.above > 0.98
    # What was cut off at black takes off gently somewhere; a mask ends in a step all the way round.
    abrupt = edges.least > np.maximum(np.maximum(5 * deviation, 3 * step), 0.02 * contrast)
    cut &= (noisy & ~floor) | ((regions.size >= _SMALLEST_SURE) & (well_sampled | (noisy & abrupt)))
    full = _is_full(regions.value / step if step > 0 else regions.value)
    dropped = (edges.first > np.maximum(3 * step, 1e-3 * contrast)) & (edges.first > 0.4 * edges.second)
    top = (edges.above == 0) & (regions.value >= _top(pixels)) & (unlikely | (dropped & (full | (step == 0))))
    drawn = top & steep & abrupt & (edges.first + edges.second > least) & (edges.length >= _SHORTEST_EDGE)
    if regions.size[drawn].sum() > _WRITING * regions.size[top].sum():
        # The dots and strokes of the same writing, too short to be judged by themselves.
        drawn |= top & (edges.length < _SHORTEST_EDGE)
    top &= ~drawn
    flat = ~top & (cut | drawn | (unlikely & ~floor))
    # The edges of letters are smoothed, and belong to them.
    written = _writing(pixels, _where(regions, drawn), deviation.max()) if drawn.any() else nothing
    saturated = _where(regions, top)
    if top.any():
        saturated |= pixels >= regions.value[top].min()
    saturated &= ~written
    return saturated, (_where(regions, flat) | written) & ~saturated


def _writing(pixels: Pixels, drawn: Mask, deviation: float) -> Mask:
    """Return what was drawn, its smoothed edges, and thin strokes near it that are brighter than the scene."""
    around = np.ones((3, 3))
    written = binary_dilation(drawn, around, _SMOOTHED)
    scene = pixels[~written & (pixels < pixels[drawn].min())]
    if not scene.size:
        return np.asarray(written)
    strokes = pixels > float(np.quantile(scene, _SCENE)) + _BRIGHTER * deviation
    near = binary_propagation(written, around, mask=written | binary_dilation(strokes, around, _APART))
    return np.asarray(written | binary_dilation(strokes & near, around, _SMOOTHED))


def _top(pixels: Pixels) -> float:
    return float(np.quantile(pixels, 1 - _TOP_SHARE))


def _is_full(counts: Array) -> Mask:
    """Whether numbers are the largest of a converter: 2^n - 1."""
    power = np.log2(np.maximum(counts, 0) + 1)
    return np.asarray((power >= 4) & (np.abs(power - np.rint(power)) < 1e-9))


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


def edges_of(pixels: Pixels, regions: Regions) -> Edges:
    """See what lies across the edges of regions of `pixels`, which are constant there."""
    wanted = np.zeros(int(regions.labels.max()) + 1, bool)
    wanted[regions.number] = True
    inside = wanted[regions.labels]
    parts: list[tuple[NDArray[Any], ...]] = []
    for axis in (0, 1):
        for direction in (1, -1):
            values, labels, mask = (
                np.flip(np.swapaxes(a, 0, axis), 0) if direction < 0 else np.swapaxes(a, 0, axis)
                for a in (pixels, regions.labels, inside)
            )
            if len(values) < 4:
                continue
            at = np.nonzero(mask[:-3] & (labels[:-3] != labels[1:-2]))
            rows, columns = at
            v, y1, y2, y3 = (values[rows + k, columns].astype(np.float64) for k in range(4))
            parts.append((labels[at], np.abs(y1 - v), np.abs(y2 - y1), np.abs(y3 - y2), (y1 > v).astype(np.float64)))
    whose, *steps = (np.concatenate(part) for part in zip(*parts, strict=True))
    number = regions.number
    count = np.bincount(whose, minlength=len(wanted))
    above = np.bincount(whose, steps[3], minlength=len(wanted)) / np.maximum(count, 1)
    first, second, third = steps[:3]
    one, two, three = (_quantile(whose, values, count, 0.5)[number] for values in (first, second, third))
    least, length = _quantile(whose, first, count, 0.05)[number], count[number].astype(np.float64)
    return Edges(one, two, three, least, above[number], length)


def _quantile(whose: NDArray[np.intp], values: Array, count: NDArray[np.intp], share: float) -> Array:
    """Quantile of the values of each label, 0 where it has none."""
    ordered = np.append(values[np.lexsort((values, whose))], 0.0)
    first = np.cumsum(count) - count
    return np.where(count > 0, ordered[first + (share * np.maximum(count - 1, 0)).astype(np.intp)], 0.0)


def _where(regions: Regions, chosen: Mask) -> Mask:
    wanted = np.zeros(int(regions.labels.max()) + 1, bool)
    wanted[regions.number[chosen]] = True
    return np.asarray(wanted[regions.labels])
