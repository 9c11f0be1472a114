"""One measured PSF from the beads of a stack, all brought to the same place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Array = NDArray[np.float64]


def joined_psf(light: Array, amounts: Array, variances: Array, places: Array) -> Array:
    """Join beads: p_z = sum_i w_iz a_iz L_iz / sum_i w_iz a_iz^2, w the inverse of the variance.

    Parameters
    ----------
    light
        Patches without background, shape (N, Z, k, k).
    amounts
        Light a of each bead in each plane, shape (N, Z).
    variances
        Mean variance of the pixels of each plane of each bead, shape (N, Z).
    places
        x, y and height of each bead, relative to the middle of its patch and to that of the first bead, in pixels and
        planes, shape (N, 3).

    Returns
    -------
    ndarray
        Shape (Z, k, k), in the planes of the first bead; a plane without light is zero.
    """
    above, below = np.zeros(light.shape[1:]), np.zeros(light.shape[1])
    for patch, amount, variance, (x, y, planes) in zip(light, amounts, variances, places, strict=True):
        moved = _moved(patch, -y, -x)
        weight = amount / variance
        seen = np.ones(len(patch))
        if abs(planes) > 1e-3:
            moved = ndimage.shift(moved, (-planes, 0, 0), order=3, mode="nearest")
            weight, amount = (ndimage.shift(values, -planes, order=1, mode="nearest") for values in (weight, amount))
            index = np.arange(len(patch)) + planes
            seen = ((index >= 0) & (index <= len(patch) - 1)).astype(np.float64)
        above += (seen * weight)[:, None, None] * moved
        below += seen * weight * amount
    return np.asarray(above / np.maximum(below, 1e-30)[:, None, None])


def _moved(patch: Array, down: float, right: float) -> Array:
    """Move planes by parts of a pixel, as band-limited ones move."""
    side = patch.shape[-1]
    phase = np.exp(-2j * np.pi * (down * fft.fftfreq(side)[:, None] + right * fft.rfftfreq(side)[None]))
    return np.asarray(fft.irfft2(fft.rfft2(patch) * phase, s=patch.shape[-2:]))
