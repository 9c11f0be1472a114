"""Pixels that are no evidence about scene or blur: hot, dead and saturated ones, masks and constant borders.

A scene x is nowhere darker than the floor b around it, and its image is y = h * x. For every PSF h within the band
limit, a pixel is then at most c times as far above b as the mean of the ring around it, whatever the scene:

    y(p) - b  <=  c (ring(p) - b),    c = max over positions q of h(q) / ring of h around q,

because both sides are linear in x - b >= 0. What exceeds that by more than the noise was not made by the optics, and
neither, with b the ceiling and signs turned, were dead pixels. Two rings are looked at: the eight neighbours, and the
sixteen around these, which a block of two hot pixels leaves free; `clusters` looks at halves of the neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_dilation,
    convolve,
    find_objects,
    label,
    maximum_filter,
    minimum_filter,
    uniform_filter,
)

from napari_deepblur.bands import blocks
from napari_deepblur.noise.airy import largest_ratios
from napari_deepblur.noise.clusters import clusters
from napari_deepblur.noise.constant_regions import constant_regions
from napari_deepblur.noise.dark_surroundings import dark_surroundings
from napari_deepblur.noise.medians import median_of_nine
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.noise.stripes import stripes
from napari_deepblur.packed_mask import union, without
from napari_deepblur.plane import Mask, Plane, mask_of

Array = NDArray[np.float64]
Seen = NDArray[np.bool_]

_SIGMAS = 6.0
"""How far beyond the limit, in standard deviations of the noise: one in 10^9 by chance."""

_MARGIN = 1.25
"""Factor on the ratios c of the Airy pattern: aberrated PSFs reach 0.95 of them, vectorial ones too."""

_AT_BORDER = 3.0
"""Factor on c for the two outer rows and columns."""

_BEYOND_ALL = 0.05
"""How far below the darkest place of an image, in units of its range, a pixel is dead wherever it is."""

_CORE = 0.01
"""Positions at which the PSF has less than this share of its peak do not count: dark rings are no peaks."""

_WIDEST_CUTOFF, _CAREFUL_CUTOFF = 0.6, 0.35
"""fc beyond which c is not raised further; fc that is assumed where it is unknown, or cannot be right."""

_FEW, _MOST = 2e-3, 0.03
"""Shares of outliers: beyond the first the stated optics are doubted, beyond the second the pixels are believed."""

_FLOOR_SIDE, _BEYOND = 9, 1.0
"""Side of the surroundings that tell floor and ceiling, of medians of 3 x 3 pixels, and how far, in units of their
distance, a pixel lies beyond them at least."""

_ROUNDS, _MORE_ROUNDS = 4, 60
"""Rounds of peeling on the whole image, and then where the last one still found something: along tracks and columns."""

_NEAR = 12
"""Pixels around what was found that the next round may judge otherwise."""

_REACH = 64
"""Pixels around a block of a large image that are judged with it: as far as peeling goes along a track, mostly."""

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
    lines
        Rows and columns that stand out as a whole.
    """

    isolated: Mask
    saturated: Mask
    flat: Mask
    doubted: float
    lines: Mask

    @property
    def all(self) -> Mask:
        """Their union."""
        return union(self.isolated, self.saturated, self.flat, self.lines)


def find_outliers(
    pixels: Plane, cutoff: float | None, noise: PoissonGaussianNoise, step: float = 0.0, masked: Mask | None = None
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
    known = mask_of(pixels) if masked is None else masked
    saturated, flat = constant_regions(pixels, cutoff, noise, step, known)
    flat = union(flat, dark_surroundings(pixels, cutoff, noise, union(known, saturated, flat)))
    hidden = union(known, saturated, flat)
    isolated, doubted = _isolated(pixels, cutoff, noise, step, hidden)
    taken = union(hidden, isolated)
    lines = stripes(pixels, cutoff, noise, step, taken)
    return Outliers(
        without(isolated, hidden), without(saturated, known), without(flat, known), doubted, without(lines, taken)
    )


def isolated_pixels(pixels: Plane, cutoff: float | None, noise: PoissonGaussianNoise, step: float = 0.0) -> Mask:
    """Find hot and dead pixels only; arguments as in `find_outliers`."""
    return _isolated(pixels, cutoff, noise, step, mask_of(pixels))[0]


def _isolated(
    pixels: Plane, cutoff: float | None, noise: PoissonGaussianNoise, step: float, hidden: Mask
) -> tuple[Mask, float]:
    fc = _CAREFUL_CUTOFF if cutoff is None else min(cutoff, _WIDEST_CUTOFF)
    found = _by_blocks(pixels, fc, noise, step, hidden)
    if found.mean() > _FEW and fc < _CAREFUL_CUTOFF:
        # So many: rather than the camera, the stated aperture or pixel size may be wrong.
        found = _by_blocks(pixels, _CAREFUL_CUTOFF, noise, step, hidden)
    share = float(found.mean())
    return (found, 0.0) if share <= _MOST else (mask_of(pixels), share)


def _by_blocks(pixels: Plane, fc: float, noise: PoissonGaussianNoise, step: float, hidden: Mask) -> Mask:
    found = mask_of(pixels)
    for place, around, inner in blocks(pixels.shape, _REACH):
        part = pixels[around].astype(np.float64, copy=False)
        found[place] = _peaks(part, fc, noise, step, hidden[around])[inner]
    return found


def _peaks(pixels: Array, fc: float, noise: PoissonGaussianNoise, step: float, hidden: Seen) -> Seen:
    # Half of what is around a pixel of the border is not seen.
    border = np.pad(np.ones([max(n - 4, 0) for n in pixels.shape]), 2, constant_values=_AT_BORDER)
    limits = [ratio * border[: pixels.shape[0], : pixels.shape[1]] for ratio in sharpest_ratios(round(fc, 3))]
    grouped = clusters(_replaced(pixels, hidden), round(fc, 3), noise, step) & ~hidden
    return grouped | _alone(pixels, limits, noise, step, hidden | grouped)


def _alone(pixels: Array, limits: Sequence[Array], noise: PoissonGaussianNoise, step: float, hidden: Seen) -> Seen:
    found = np.zeros(pixels.shape, bool)
    for _ in range(_ROUNDS):
        # Blocks of hot pixels are peeled from outside: what was found is replaced before the next round.
        fresh = _round(pixels, hidden | found, limits, noise, step)
        found |= fresh
        if not fresh.any():
            return found
    for _ in range(_MORE_ROUNDS):
        places = find_objects(label(binary_dilation(fresh, np.ones((3, 3)), _NEAR))[0])
        fresh = np.zeros_like(found)
        for place in places:
            near = [limit[place] for limit in limits]
            fresh[place] |= _round(pixels[place], (hidden | found)[place], near, noise, step, absolute=False)
        found |= fresh
        if not fresh.any():
            break
    return found


def _round(
    pixels: Array,
    left_out: Seen,
    limits: Sequence[Array],
    noise: PoissonGaussianNoise,
    step: float,
    *,
    absolute: bool = True,
) -> Seen:
    """Find what is sharper than the optics allow beside what was left out; `absolute`: and darker than no light."""
    values = _replaced(pixels, left_out)
    middle = median_of_nine(values)
    low = minimum_filter(middle, _FLOOR_SIDE, mode="mirror")
    high = maximum_filter(middle, _FLOOR_SIDE, mode="mirror")
    fresh = np.zeros(pixels.shape, bool)
    if absolute:
        darkest = float(middle.min())
        least = darkest - _SIGMAS * math.sqrt(float(noise.variance(darkest))) - _BEYOND_ALL * (high.max() - darkest)
        fresh |= pixels < least
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
    return fresh & ~left_out


def _replaced(pixels: Array, hidden: Seen) -> Array:
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
    near, far = largest_ratios(fc, (_NEIGHBOURS, _RING), _CORE)
    return _MARGIN * near, _MARGIN * far
