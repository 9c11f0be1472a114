"""What surrounds a field of view: dark, with noise and nothing else, and sharply cut off, as a stop leaves it.

The darkest parts of a scene are as even, but they begin softly, as everything does that the optics have imaged.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, uniform_filter

from napari_deepblur.bands import Band, bands
from napari_deepblur.noise.census import percentiles
from napari_deepblur.noise.edges import REACH, Steps, edges_of, steps_across
from napari_deepblur.noise.joined import Joined
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.plane import Mask, Plane, RegionPlane, mask_of

Pixels = NDArray[np.floating[Any]]

_SIDE = 5
_SIGMAS = 4.0
"""How far from the level of the dark, in standard deviations of a pixel, and of the mean of 5 x 5, it goes on."""

_LEAST_SHARE = 0.01
"""Share of the image that a surrounding takes at least."""

_STEEP, _STEP, _CONTRAST, _LONGEST_SOFT = 3.0, 10.0, 0.1, 24
"""For an edge that no optics make: the first step outwards over the second; what both together reach at least, in
standard deviations of the dark and of the contrast; and pairs of pixels across it, from which on it is judged."""

_WELL_SAMPLED = 0.3

_SAMPLE = 2**21
"""Pixels that tell the level of the dark."""

_MOST_STEPS = 2**20
"""Pairs of pixels across edges of one band that are looked at."""


def dark_surroundings(pixels: Plane, cutoff: float | None, noise: PoissonGaussianNoise, known: Mask) -> Mask:
    """Find the dark around a field of view that was cut off.

    Parameters
    ----------
    pixels
        One image, shape (H, W), finite.
    cutoff
        fc in cycles per pixel; beyond 0.3, or where it is unknown, edges may be as sharp, and nothing is found.
    noise
        In the units of the image.
    known
        Pixels that do not count, shape (H, W).

    Returns
    -------
    ndarray or PackedMask
        Shape (H, W).
    """
    found = mask_of(pixels)
    if cutoff is None or cutoff > _WELL_SAMPLED or known.all():
        return found
    dark = _dark_of(pixels, noise, known)
    if dark is None:
        return found
    regions = _regions(pixels, known, dark)
    if not regions.number:
        return found
    high, low = percentiles(pixels, (99.9, 0.1), known if known.any() else None)
    edges = edges_of(_steps(pixels, known, dark, regions), regions.number)
    rise = edges.first + edges.second
    cut = (edges.first > _STEEP * edges.second) & (edges.length >= _LONGEST_SOFT)
    cut &= rise > max(_STEP * dark.deviation, _CONTRAST * (high - low))
    if not cut.any():
        return found
    cut = np.append(cut, False)
    for index, band in enumerate(bands(pixels.shape, 1)):
        inside = np.zeros((band.around.stop - band.around.start, pixels.shape[1]), bool)
        for shift in (-1, 0, 1):
            # The rows beside the band are labelled with their own bands.
            if 0 <= index + shift < len(regions.of_label):
                other = regions.rows[index + shift]
                first, last = max(other.start, band.around.start), min(other.stop, band.around.stop)
                labels = _labels(pixels, known, dark, other)
                part = cut[regions.of_label[index + shift]][labels]
                inside[first - band.around.start : last - band.around.start] = part[
                    first - other.start : last - other.start
                ]
        # Single pixels of the dark that noise took from it belong to it.
        wide = (uniform_filter(inside.astype(np.float32), 3, mode="nearest") > 0.75) | inside
        place = band.rows, slice(0, pixels.shape[1])
        found[place] = wide[band.inner] & ~known[place]
    return found


class _Dark(NamedTuple):
    """Level of the dark, deviation of its noise, and how far smoothed intensities lie from it."""

    level: float
    deviation: float
    even: tuple[float, float]


def _dark_of(pixels: Plane, noise: PoissonGaussianNoise, known: Mask) -> _Dark | None:
    """Find the level of the dark, from a sample of a large image; None where too little of it is there."""
    smooth, seen = _sampled(pixels, known)
    level = float(np.quantile(smooth, _LEAST_SHARE))
    for _ in range(2):
        deviation = math.sqrt(float(noise.variance(level)))
        even = level, _SIGMAS * deviation / _SIDE
        near = _near(smooth, *even)
        share = near.sum() / max(pixels.size / _every(pixels), 1)
        if share < _LEAST_SHARE:
            return None
        level = float(np.median(seen[near]))
    return _Dark(level, deviation, even)


def _every(pixels: Plane) -> int:
    return max(pixels.size // _SAMPLE, 1) if isinstance(pixels, RegionPlane) else 1


def _sampled(pixels: Plane, known: Mask) -> tuple[Pixels, Pixels]:
    """Return smoothed and single intensities of pixels that count."""
    every = _every(pixels)
    smooth: list[Pixels] = []
    seen: list[Pixels] = []
    for band in bands(pixels.shape, _SIDE // 2):
        window = pixels[band.around, slice(0, pixels.shape[1])]
        counts = ~known[band.rows, slice(0, pixels.shape[1])]
        for values, parts in ((uniform_filter(window, _SIDE, mode="mirror"), smooth), (window, seen)):
            parts.append(values[band.inner].ravel()[::every][counts.ravel()[::every]])
    return np.concatenate(smooth), np.concatenate(seen)


class _Regions(NamedTuple):
    """Dark regions at the border of the image: how many, and for each band which one each of its labels is.

    `of_label` has `number` for labels of none.
    """

    number: int
    rows: list[slice]
    of_label: list[NDArray[np.intp]]


def _labels(pixels: Plane, known: Mask, dark: _Dark, rows: slice) -> NDArray[np.int32]:
    place = rows, slice(0, pixels.shape[1])
    alike = _near(pixels[place], dark.level, _SIGMAS * dark.deviation) & ~known[place]
    labels: NDArray[np.int32] = label(alike)[0]
    return labels


def _regions(pixels: Plane, known: Mask, dark: _Dark) -> _Regions:
    """Find the regions that are dark, even somewhere, large, and reach the border of the image."""
    height, width = pixels.shape
    joined, rows = Joined(), []
    below = np.full(width, -1)
    kept: list[tuple[NDArray[np.intp], int]] = []
    sizes, evens, borders = [], [], []
    for band in bands(pixels.shape, _SIDE // 2):
        labels = _labels(pixels, known, dark, band.rows)
        count = int(labels.max()) + 1
        size = np.bincount(labels.ravel(), minlength=count)
        even = np.zeros(count, bool)
        even[labels[_is_even(pixels, dark, band)]] = True
        border = np.zeros(count, bool)
        for edge in (labels[:, 0], labels[:, -1]):
            border[edge] = True
        if band.rows.start == 0:
            border[labels[0]] = True
        if band.rows.stop == height:
            border[labels[-1]] = True
        # What neither reaches into another band nor is large is nothing that is looked for.
        wanted = size >= _LEAST_SHARE * pixels.size
        wanted[labels[0]] = wanted[labels[-1]] = True
        wanted[0] = False
        chosen = np.flatnonzero(wanted)
        numbers = joined.new(len(chosen))
        of_label = np.full(count, -1)
        of_label[chosen] = numbers
        if band.rows.start:
            joined.join(of_label[labels[0]], below)
        below = of_label[labels[-1]]
        sizes.append(size[chosen])
        evens.append(even[chosen])
        borders.append(border[chosen])
        rows.append(band.rows)
        kept.append((chosen, count))
    group = joined.groups()
    several = int(group.max()) + 1 if len(group) else 0
    size, even, border = (
        np.bincount(group, np.concatenate(part), minlength=several) for part in (sizes, evens, borders)
    )
    large = np.flatnonzero((size >= _LEAST_SHARE * pixels.size) & (even > 0) & (border > 0))
    number = np.full(several, len(large))
    number[large] = np.arange(len(large))
    found, first = [], 0
    for chosen, count in kept:
        of_label = np.full(count, len(large))
        of_label[chosen] = number[group[first : first + len(chosen)]]
        first += len(chosen)
        found.append(of_label)
    return _Regions(len(large), rows, found)


def _is_even(pixels: Plane, dark: _Dark, band: Band) -> NDArray[np.bool_]:
    smooth = uniform_filter(pixels[band.around, slice(0, pixels.shape[1])], _SIDE, mode="mirror")
    return _near(smooth[band.inner], *dark.even)


def _steps(pixels: Plane, known: Mask, dark: _Dark, regions: _Regions) -> Steps:
    """Collect steps across the edges of regions; of a band with very many, every so many."""
    parts = []
    width = slice(0, pixels.shape[1])
    for index, band in enumerate(bands(pixels.shape, REACH)):
        window = pixels[band.around, width]
        alike = _near(window, dark.level, _SIGMAS * dark.deviation) & ~known[band.around, width]
        labels = label(alike[band.inner])[0]
        of_label = np.where(regions.of_label[index] == regions.number, -1, regions.of_label[index])
        of_label[0] = -1
        whose = np.full(window.shape, -1, np.int32)
        whose[band.inner] = of_label[labels]
        steps = steps_across(np.where(alike, np.float32(dark.level), window), alike, whose)
        every = math.ceil(len(steps.whose) / _MOST_STEPS) or 1
        parts.append(steps.those(slice(None, None, every)))
    return Steps.together(parts)


def _near(values: Pixels, level: float, distance: float) -> NDArray[np.bool_]:
    return np.asarray((values > level - distance) & (values < level + distance))
