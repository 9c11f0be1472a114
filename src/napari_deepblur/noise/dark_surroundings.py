"""What surrounds a field of view: dark, with noise and nothing else, and sharply cut off, as a stop leaves it.

The darkest parts of a scene are as even, but they begin softly, as everything does that the optics have imaged.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_propagation, label, uniform_filter

from napari_deepblur.noise.bands import bands
from napari_deepblur.noise.constant_regions import edges_of
from napari_deepblur.noise.equal_regions import Regions
from napari_deepblur.noise.model import PoissonGaussianNoise

Pixels = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_SIDE = 5
_SIGMAS = 4.0
"""How far from the level of the dark, in standard deviations of a pixel, and of the mean of 5 x 5, it goes on."""

_LEAST_SHARE = 0.01
"""Share of the image that a surrounding takes at least."""

_STEEP, _STEP, _CONTRAST, _LONGEST_SOFT = 3.0, 10.0, 0.1, 24
"""For an edge that no optics make: the first step outwards over the second; what both together reach at least, in
standard deviations of the dark and of the contrast; and pairs of pixels across it, from which on it is judged."""

_WELL_SAMPLED = 0.3


def dark_surroundings(pixels: Pixels, cutoff: float | None, noise: PoissonGaussianNoise, known: Mask) -> Mask:
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
    ndarray
        Shape (H, W).
    """
    nothing = np.zeros(pixels.shape, bool)
    if cutoff is None or cutoff > _WELL_SAMPLED or known.all():
        return nothing
    smooth = uniform_filter(pixels, _SIDE, mode="mirror")
    level = float(np.quantile(smooth[~known], _LEAST_SHARE, overwrite_input=True))
    for _ in range(2):
        deviation = math.sqrt(float(noise.variance(level)))
        even = _near(smooth, level, _SIGMAS * deviation / _SIDE) & ~known
        if even.mean() < _LEAST_SHARE:
            return nothing
        level = float(np.median(pixels[even]))
    del smooth
    alike = _near(pixels, level, _SIGMAS * deviation) & ~known
    dark, count = label(binary_propagation(even & alike, mask=alike))
    border = np.unique(np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]]))
    size = np.zeros(count + 1, np.intp)
    for rows, _, _ in bands(dark.shape):
        size += np.bincount(dark[rows].ravel(), minlength=count + 1)
    number = np.array([n for n in border if n > 0 and size[n] >= _LEAST_SHARE * pixels.size], np.intp)
    if not len(number):
        return nothing
    wanted = np.zeros(count + 1, bool)
    wanted[number] = True
    flattened = np.where(wanted[dark], level, pixels)
    edges = edges_of(flattened, Regions(dark, number, size[number], np.full(len(number), level), 0.0))
    contrast = float(np.subtract(*np.percentile(pixels[~known], (99.9, 0.1), overwrite_input=True)))
    rise = edges.first + edges.second
    cut = (edges.first > _STEEP * edges.second) & (edges.length >= _LONGEST_SOFT)
    cut &= rise > max(_STEP * deviation, _CONTRAST * contrast)
    wanted[number] = cut
    # Single pixels of the dark that noise took from it belong to it.
    inside = wanted[dark]
    return np.asarray((uniform_filter(inside.astype(np.float32), 3, mode="nearest") > 0.75) | inside) & ~known


def _near(values: Pixels, level: float, distance: float) -> Mask:
    return np.asarray((values > level - distance) & (values < level + distance))
