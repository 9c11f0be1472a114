"""Small filters that let noise through and stop everything that a microscope can image."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FILTER_SIZE = 9
"""Side of the filters in pixels: long enough to isolate the corners of the Fourier square, and still local."""

_LOWEST_CUTOFF = 0.15
_HIGHEST_CUTOFF = 0.30
_UNKNOWN_CUTOFF = 0.28
_SCENE_SCALE = 0.005
_SCENE_SLOPE = 2.4
_GRID = 128


class FilterBank(NamedTuple):
    """Orthonormal filters, the one that stops the signal best first.

    Attributes
    ----------
    filters
        Shape (n, p, p), each of unit norm: white noise of variance v leaves each of them with variance v.
    leakage
        Share of a typical signal's variance that is left after each filter, shape (n,), increasing.
    """

    filters: NDArray[np.float64]
    leakage: NDArray[np.float64]


@lru_cache(maxsize=16)
def signal_free_filters(cutoff: float | None, count: int = 12) -> FilterBank:
    """Design filters that hold as little as possible of an image with pupil cut-off `cutoff`.

    A microscope passes no frequency beyond 2 fc, which leaves the corners of the Fourier square, up to 0.707 cycles
    per pixel, to the noise alone. Among all filters k of p x p pixels and unit norm, those that minimise the energy
    k' C k of a typical signal are the eigenvectors of its covariance C with the smallest eigenvalues: a Slepian
    problem, whose solutions isolate the corners with almost no side lobes. The signal has the spectrum
    |f|^-2.4 of natural scenes times the squared transfer function of the aberration-free objective, and aberrations
    only lower that.

    Parameters
    ----------
    cutoff
        fc in cycles per pixel. Unknown is treated as 0.28, coarser than Nyquist sampling. Values are kept between 0.15
        and 0.30: beyond, there are no free corners, and the filters take the most favourable frequencies.
    count
        Number n of filters.

    Returns
    -------
    FilterBank
        Filters of shape (n, 9, 9) and their leakage.

    Notes
    -----
    Source: D. Slepian, "Prolate spheroidal wave functions, Fourier analysis and uncertainty IV", Bell System
    Technical Journal 43, 3009 (1964), for the principle.
    """
    covariance = signal_covariance(cutoff, FILTER_SIZE)
    values, vectors = np.linalg.eigh(covariance)
    filters = np.ascontiguousarray(vectors.T[:count]).reshape(-1, FILTER_SIZE, FILTER_SIZE)
    filters.flags.writeable = False
    return FilterBank(filters, np.abs(values[:count]))


def signal_covariance(cutoff: float | None, side: int) -> NDArray[np.float64]:
    """Covariance of the side x side pixels of a typical image, as in `signal_free_filters`; its variance is 1.

    Returns
    -------
    ndarray
        Shape (side^2, side^2), pixels in reading order.
    """
    fc = _UNKNOWN_CUTOFF if cutoff is None else min(max(cutoff, _LOWEST_CUTOFF), _HIGHEST_CUTOFF)
    frequency = np.fft.fftfreq(_GRID)
    radius = np.hypot(frequency[:, None], frequency)
    spectrum = _airy_transfer(radius, fc) ** 2 * (radius**2 + _SCENE_SCALE**2) ** (-_SCENE_SLOPE / 2)
    correlation = np.fft.ifft2(spectrum / spectrum.mean()).real
    row, column = (axis.ravel() for axis in np.indices((side, side)))
    return np.asarray(correlation[row[:, None] - row, column[:, None] - column])


def degrees_of_freedom(filters: NDArray[np.float64], block: int) -> float:
    """Degrees of freedom of the mean square of filtered white noise over a block of `block` x `block` pixels.

    The mean R of the squares of n correlated residuals has var R = 2 (E R)^2 / d with
    d = n^2 block^4 / sum_ij sum_t w(t) c_ij(t)^2, where c_ij is the cross-correlation of filters i and j and w(t)
    counts the pairs of pixels of the block that are t apart.
    """
    return _degrees_of_freedom(filters.tobytes(), filters.shape, block)


# Frames of a series have the same filters, whose n^2 correlations cost as much as the noise of a small frame.
@lru_cache(maxsize=64)
def _degrees_of_freedom(values: bytes, shape: tuple[int, ...], block: int) -> float:
    n, size, _ = shape
    filters = np.frombuffer(values).reshape(shape)
    grid = (2 * size, 2 * size)
    lag = np.abs(np.fft.fftfreq(2 * size, 1 / (2 * size)))
    pairs = np.clip(block - lag, 0, None)
    spectra = np.fft.rfft2(filters, s=grid)
    total = sum(
        float((np.outer(pairs, pairs) * np.fft.irfft2(a.conj() * b, s=grid) ** 2).sum())
        for a in spectra
        for b in spectra
    )
    return float(n**2 * block**4 / total)


def _airy_transfer(radius: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """Incoherent transfer function of a circular pupil: (2 / pi) (arccos s - s sqrt(1 - s^2)), s = |f| / (2 fc)."""
    s = np.clip(radius / (2 * cutoff), 0.0, 1.0)
    return np.asarray(2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s**2)))
