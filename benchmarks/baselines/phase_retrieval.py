"""Kernels from their power spectrum alone: alternating reflections from random phases, then error reduction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2

from benchmarks.baselines.kernels import Array

_TRUST = 0.95
"""Share of the given magnitude in the mixture with the present one: the given one is not exact."""
_FIRST_RELAXATION = 0.75
_RELAXATION_TIME = 7.0
_SETTLING = 20
"""Plain alternating projections at the end, which settle in the nearest solution."""


def retrieve_phases(
    magnitude: Array, support: NDArray[np.bool_], restarts: int, iterations: int, rng: np.random.Generator
) -> Array:
    """Find kernels of a given magnitude in the Fourier domain that are positive and live on a support.

    With P_M the projection on the magnitude (mixed with the present one) and P_S that on positive kernels on the
    support, g <- P_S P_M g where 2 P_M g - g is positive and on the support, beta g + (1 - 2 beta) P_M g elsewhere;
    beta rises from 0.75 to 1. At the end, a few steps of error reduction, g <- P_S P_M g.

    Parameters
    ----------
    magnitude
        abs(rfft2(h)), shape (N, N // 2 + 1), N even and at least twice the side of the support.
    support
        Shape (N, N), with a margin around it of half the width or more.
    restarts
        Number R of random first phases.
    iterations
        Steps from each.
    rng
        Source of the phases.

    Returns
    -------
    ndarray
        Kernels cut to the square that holds the support, shape (R, k, k), not negative; each is known up to a shift
        and a turn by 180 degrees.

    Notes
    -----
    Sources: J. R. Fienup, Phase retrieval algorithms: a comparison, Applied Optics 21 (1982); D. R. Luke, Relaxed
    averaged alternating reflections for diffraction imaging, Inverse Problems 21 (2005); Goldstein and Fattal (2012),
    where beta follows 0.75 + 0.25 (1 - exp(-(m / 7)^3)).
    """
    side = support.shape[0]
    shape = (side, side)
    given: Array = magnitude.astype(np.float32)
    # Phases of a real image, so that the first kernel is real whatever the frequency.
    noise = rfft2(rng.standard_normal((restarts, *shape), dtype=np.float32))
    present = irfft2(given * noise / np.maximum(np.abs(noise), 1e-12), shape)
    projected = present
    for step in range(1, iterations + 1):
        relaxed = _FIRST_RELAXATION + (1 - _FIRST_RELAXATION) * (1 - np.exp(-((step / _RELAXATION_TIME) ** 3)))
        projected = _impose(present, given)
        legal = support & (2 * projected - present >= 0)
        present = np.where(legal, projected, relaxed * present + (1 - 2 * relaxed) * projected)
    for _ in range(_SETTLING):
        projected = _impose(np.where(support, projected, np.float32(0.0)).clip(min=0.0), given)
    rows, columns = np.nonzero(support.any(1))[0], np.nonzero(support.any(0))[0]
    square = projected[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = support[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.where(inside, square, 0.0).clip(min=0.0)


def _impose(kernels: Array, magnitude: Array) -> Array:
    spectra = rfft2(kernels)
    present = np.maximum(np.abs(spectra), 1e-12)
    return np.asarray(irfft2(spectra * (_TRUST * magnitude / present + 1 - _TRUST), kernels.shape[-2:]))
