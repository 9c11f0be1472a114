"""The Airy pattern, the sharpest picture of a point: what is sharper than it no optics have imaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate
from scipy.special import j1


def airy(radius: NDArray[np.float64], fc: float) -> NDArray[np.float64]:
    """Return (2 J_1(q) / q)^2, q = 2 pi fc r, one in the middle.

    Parameters
    ----------
    radius
        r in pixels, of any shape.
    fc
        Cut-off of the pupil in cycles per pixel.
    """
    q = np.maximum(2 * np.pi * fc * radius, 1e-6)
    return np.asarray((2 * j1(q) / q) ** 2)


def largest_ratios(fc: float, neighbours: Sequence[NDArray[np.float64]], core: float) -> tuple[float, ...]:
    """Largest ratios of a pixel to a mean of pixels around it, over positions of the point between the pixels.

    Parameters
    ----------
    fc
        Cut-off of the pupil in cycles per pixel.
    neighbours
        Weights of the means, 3 x 3 or 5 x 5, as they are correlated with the image.
    core
        Pixels with less than this share of the peak do not count.

    Returns
    -------
    tuple
        A ratio for each of the means.
    """
    grid = np.mgrid[-8:9, -8:9].astype(np.float64)
    largest = [0.0] * len(neighbours)
    for shift in np.ndindex(6, 6):
        psf = airy(np.hypot(*(grid - 0.1 * np.array(shift)[:, None, None])), fc)
        inner = (psf > core * psf.max())[2:-2, 2:-2]
        for index, weights in enumerate(neighbours):
            ratio = (psf / correlate(psf, weights, mode="nearest"))[2:-2, 2:-2]
            largest[index] = max(largest[index], float(ratio[inner].max()))
    return tuple(largest)
