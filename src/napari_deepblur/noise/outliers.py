"""Pixels that are no evidence about scene or blur: hot, dead and saturated ones, masks and constant borders.

A scene x is nowhere darker than the floor b around it, and its image is y = h * x. For every PSF h within the band
limit, a pixel is then at most c times as far above b as the mean of the ring around it, whatever the scene:

    y(p) - b  <=  c (ring(p) - b),    c = max over positions q of h(q) / ring of h around q,

because both sides are linear in x - b >= 0. What exceeds that by more than the noise was not made by the optics, and
neither, with b the ceiling and signs turned, were dead pixels. Two rings are looked at: the eight neighbours, and the
sixteen around these, which a block of two hot pixels leaves free.

A connected region of one and the same value is set aside where noise cannot have left it alike: plateaus of a saturated
camera, constant borders; or where it ends in a step that the optics cannot make: masks, wedges of turned images.
What merely was cut off at black is kept: it is dark, and its edges are soft.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, maximum_filter, median_filter, minimum_filter, uniform_filter
from scipy.special import j1
from skimage.measure import label

from napari_deepblur.noise.model import PoissonGaussianNoise

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SIGMAS = 6.0
"""How far beyond the limit, in standard deviations of the noise: one in 10^9 by chance."""

_MARGIN = 1.25
"""Factor on the ratios c of the Airy pattern: aberrated PSFs reach 0.95 of them, vectorial ones too."""

_CORE = 0.01
"""Positions at which the PSF has less than this share of its peak do not count: dark rings are no peaks."""

_WIDEST_CUTOFF, _CAREFUL_CUTOFF = 0.6, 0.35
"""fc beyond which c is not raised further; fc that is assumed where it is unknown, or cannot be right."""

_FEW, _MOST = 2e-3, 0.03
"""Shares of outliers: beyond the first the stated optics are doubted, beyond the second the pixels are believed."""

_FLOOR_SIDE, _BEYOND = 9, 1.0
"""Side of the surroundings that tell floor and ceiling, of medians of 3 x 3 pixels, and how far, in units of their
distance, a pixel lies beyond them at least."""

_ROUNDS = 4
_WELL_SAMPLED = 0.3
_SMALLEST_REGION, _SMALLEST_SURE, _SHORTEST_EDGE = 4, 16, 12
"""Pixels of a region, with noise and without, and pairs of pixels across its edge, from which on it can be judged."""

_TOP_SHARE = 1e-3
"""Share of pixels that may lie above a plateau of saturation: hot ones."""

_CHANCE = 1e-3
"""Expected number of equal regions by chance, below which one is taken for no chance."""

_NO_CODE = int(np.float32(np.nan).view(np.int32))
"""The bits of a NaN, which no pixel has."""

_NEIGHBOURS = np.pad(np.pad([[0.0]], 1, constant_values=1 / 8), 1)
_RING = np.pad(np.zeros((3, 3)), 1, constant_values=1 / 16)


class Outliers(NamedTuple):
    """Masks (H, W) of the pixels that count for nothing.

    Attributes
    ----------
    isolated
        Hot and dead pixels, tracks of particles.
    saturated
        Plateaus of the largest value.
    flat
        Masks, constant borders, dead rows and columns.
    doubted
        Share of pixels that are sharper than the stated optics allow, where these are so many that they were kept.
    """

    isolated: Mask
    saturated: Mask
    flat: Mask
    doubted: float = 0.0

    @property
    def all(self) -> Mask:
        """Their union."""
        return np.asarray(self.isolated | self.saturated | self.flat)


def find_outliers(
    pixels: Array, cutoff: float | None, noise: PoissonGaussianNoise, step: float = 0.0, masked: Mask | None = None
) -> Outliers:
    """Find the pixels that no light through the optics can have made.

    Parameters
    ----------
    pixels
        One image, shape (H, W), finite.
    cutoff
        fc in cycles per pixel; None where it is unknown.
    noise
        In the units of the image.
    step
        Of its digits; 0 where it has none.
    masked
        Pixels that are known not to count, shape (H, W).

    Returns
    -------
    Outliers
        Without those that were masked.
    """
    known = np.zeros(pixels.shape, bool) if masked is None else masked
    well_sampled = cutoff is not None and cutoff <= _WELL_SAMPLED
    saturated, flat = _constant_regions(pixels, noise, step, well_sampled, known)
    hidden = known | saturated | flat
    isolated, doubted = _isolated(pixels, cutoff, noise, step, hidden)
    return Outliers(isolated & ~hidden, saturated & ~known, flat & ~known, doubted)


def isolated_pixels(pixels: Array, cutoff: float | None, noise: PoissonGaussianNoise, step: float = 0.0) -> Mask:
    """Find hot and dead pixels only; arguments as in `find_outliers`."""
    return _isolated(pixels, cutoff, noise, step, np.zeros(pixels.shape, bool))[0]


def _isolated(
    pixels: Array, cutoff: float | None, noise: PoissonGaussianNoise, step: float, hidden: Mask
) -> tuple[Mask, float]:
    fc = _CAREFUL_CUTOFF if cutoff is None else min(cutoff, _WIDEST_CUTOFF)
    found = _peaks(pixels, fc, noise, step, hidden)
    if found.mean() > _FEW and fc < _CAREFUL_CUTOFF:
        # So many: rather than the camera, the stated aperture or pixel size may be wrong.
        found = _peaks(pixels, _CAREFUL_CUTOFF, noise, step, hidden)
    share = float(found.mean())
    return (found, 0.0) if share <= _MOST else (np.zeros_like(found), share)


def _peaks(pixels: Array, fc: float, noise: PoissonGaussianNoise, step: float, hidden: Mask) -> Mask:
    limits = sharpest_ratios(round(fc, 3))
    found = np.zeros(pixels.shape, bool)
    for _ in range(_ROUNDS):
        left_out = hidden | found
        # Blocks of hot pixels are peeled from outside: what was found is replaced before the next round.
        values = _replaced(pixels, left_out)
        middle = median_filter(values, 3, mode="mirror")
        low = minimum_filter(middle, _FLOOR_SIDE, mode="mirror")
        high = maximum_filter(middle, _FLOOR_SIDE, mode="mirror")
        fresh = np.zeros_like(found)
        for sign, floor, ceiling in ((1.0, low, high), (-1.0, high, low)):
            beyond = ceiling + _BEYOND * (ceiling - floor)
            for ring, limit in zip((_NEIGHBOURS, _RING), limits, strict=True):
                around = convolve(values, ring, mode="mirror")
                rise = np.maximum(sign * (around - floor), 0.0)
                most = floor + sign * limit * rise
                variance = noise.variance(most) + limit**2 * np.square(ring).sum() * noise.variance(around)
                # The upper tail of few photons is longer than that of a Gaussian, and rounding is no noise at all.
                slack = _SIGMAS * np.sqrt(variance) + noise.alpha * _SIGMAS**2 / 3 + step * (1 + limit)
                fresh |= (sign * (pixels - most) > slack) & (sign * (pixels - beyond) > slack)
        fresh &= ~left_out
        if not fresh.any():
            break
        found |= fresh
    return found


def _replaced(pixels: Array, hidden: Mask) -> Array:
    """Put the mean of the nearest visible pixels where some are hidden."""
    if not hidden.any():
        return pixels
    seen = (~hidden).astype(np.float64)
    values, left = np.where(hidden, 0.0, pixels), hidden.copy()
    middle = float(pixels[~hidden].mean()) if not hidden.all() else 0.0
    result = np.where(hidden, middle, pixels)
    for side in (3, 5, 9, 17):
        weight = uniform_filter(seen, side, mode="mirror")
        near = left & (weight > 0.5 / side**2)
        result[near] = uniform_filter(values, side, mode="mirror")[near] / weight[near]
        left &= ~near
    return np.asarray(result)


@lru_cache(maxsize=64)
def sharpest_ratios(fc: float) -> tuple[float, float]:
    """Largest ratios c of a pixel to the means of the two rings around it, for the Airy pattern of cut-off fc.

    Parameters
    ----------
    fc
        Cut-off of the pupil in cycles per pixel.

    Returns
    -------
    tuple
        For the ring of 8 and that of 16 pixels, over positions of the point between the pixels, with a margin.
    """
    grid = np.mgrid[-8:9, -8:9].astype(np.float64)
    largest = [0.0, 0.0]
    for shift in np.ndindex(6, 6):
        radius = np.hypot(*(grid - 0.1 * np.array(shift)[:, None, None]))
        q = np.maximum(2 * np.pi * fc * radius, 1e-6)
        psf = (2 * j1(q) / q) ** 2
        inner = (psf > _CORE * psf.max())[2:-2, 2:-2]
        for index, ring in enumerate((_NEIGHBOURS, _RING)):
            ratio = (psf / convolve(psf, ring, mode="constant"))[2:-2, 2:-2]
            largest[index] = max(largest[index], float(ratio[inner].max()))
    return _MARGIN * largest[0], _MARGIN * largest[1]


class _Regions(NamedTuple):
    """Connected regions of equal pixels, as one entry of each array a region; `labels` tells where they are."""

    labels: NDArray[np.intp]
    number: NDArray[np.intp]
    size: NDArray[np.intp]
    value: Array


def _constant_regions(
    pixels: Array, noise: PoissonGaussianNoise, step: float, well_sampled: bool, known: Mask
) -> tuple[Mask, Mask]:
    """Masks of plateaus of saturation, and of constant borders and masks."""
    nothing = np.zeros(pixels.shape, bool)
    regions = _regions(pixels)
    if not len(regions.number):
        return nothing, nothing
    edges = _edges(pixels, regions)
    level = noise.variance(regions.value)
    deviation = np.sqrt(level)
    # Two neighbours are alike by chance where rounding makes them so; 4 counts the ways in which a region grows.
    alike = np.minimum(step / (2 * math.sqrt(math.pi) * np.maximum(deviation, 1e-30)), 1.0)
    contrast = float(np.subtract(*np.percentile(pixels[~known], (99.9, 0.1))))
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
    flat = ~top & (cut | (unlikely & ~floor))
    saturated = _where(regions, top)
    if top.any():
        saturated |= pixels >= regions.value[top].min()
    return saturated, _where(regions, flat)


def _regions(pixels: Array) -> _Regions:
    # Rounded to the precision in which images are computed; equal numbers have equal bits once -0 is 0.
    codes = (pixels.astype(np.float32) + np.float32(0)).view(np.int32)
    equal = np.zeros(pixels.shape, bool)
    down, right = codes[1:] == codes[:-1], codes[:, 1:] == codes[:, :-1]
    equal[1:] |= down
    equal[:-1] |= down
    equal[:, 1:] |= right
    equal[:, :-1] |= right
    none = np.zeros(0, np.intp)
    if not equal.any():
        return _Regions(np.zeros(pixels.shape, np.intp), none, none, np.zeros(0))
    labels = np.asarray(label(codes, background=_NO_CODE, connectivity=1), np.intp)
    size = np.bincount(labels.ravel())
    number = np.flatnonzero(size >= _SMALLEST_REGION)
    number = number[number > 0]
    first = np.zeros(len(size), np.intp)
    first[labels.ravel()[::-1]] = np.arange(labels.size)[::-1]
    return _Regions(labels, number, size[number], pixels.ravel()[first[number]])


def _top(pixels: Array) -> float:
    return float(np.quantile(pixels, 1 - _TOP_SHARE))


def _is_full(counts: Array) -> Mask:
    """Whether numbers are the largest of a converter: 2^n - 1."""
    power = np.log2(np.maximum(counts, 0) + 1)
    return np.asarray((power >= 4) & (np.abs(power - np.rint(power)) < 1e-9))


class _Edges(NamedTuple):
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


def _edges(pixels: Array, regions: _Regions) -> _Edges:
    wanted = np.zeros(int(regions.labels.max()) + 1, bool)
    wanted[regions.number] = True
    inside = wanted[regions.labels]
    parts: list[tuple[NDArray[np.intp], Array, Array, Array, Array]] = []
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
            v, y1, y2, y3 = (np.asarray(values[rows + k, columns], dtype=np.float64) for k in range(4))
            parts.append(
                (
                    np.asarray(labels[at], dtype=np.intp),
                    np.abs(y1 - v),
                    np.abs(y2 - y1),
                    np.abs(y3 - y2),
                    (y1 > v).astype(np.float64),
                )
            )
    whose, *steps = (np.concatenate(part) for part in zip(*parts, strict=True))
    number = regions.number
    count = np.bincount(whose, minlength=len(wanted))
    above = np.bincount(whose, steps[3], minlength=len(wanted)) / np.maximum(count, 1)
    first, second, third = steps[:3]
    return _Edges(
        first=_quantile(whose, first, count, 0.5)[number],
        second=_quantile(whose, second, count, 0.5)[number],
        third=_quantile(whose, third, count, 0.5)[number],
        least=_quantile(whose, first, count, 0.05)[number],
        above=above[number],
        length=count[number].astype(np.float64),
    )


def _quantile(whose: NDArray[np.intp], values: Array, count: NDArray[np.intp], share: float) -> Array:
    """Quantile of the values of each label, 0 where it has none."""
    ordered = np.append(values[np.lexsort((values, whose))], 0.0)
    first = np.cumsum(count) - count
    return np.where(count > 0, ordered[first + (share * np.maximum(count - 1, 0)).astype(np.intp)], 0.0)


def _where(regions: _Regions, chosen: Mask) -> Mask:
    wanted = np.zeros(int(regions.labels.max()) + 1, bool)
    wanted[regions.number[chosen]] = True
    return np.asarray(wanted[regions.labels])
