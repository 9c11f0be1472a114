"""Autocorrelations of a whitened image along many directions, and the power spectrum of the kernel that they tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, irfft2, next_fast_len, rfft, rfft2
from scipy.ndimage import gaussian_filter1d
from scipy.signal.windows import tukey

from benchmarks.baselines.kernels import Array

_FINENESS = 4
"""Bins of a projection for each pixel: with two, the pixel grid's own frequency along diagonals would alias."""


def directions(count: int) -> Array:
    """Return angles of directions, evenly spread over half a turn, shape (A,), radians; 0 is along the rows' axis x."""
    return np.pi * np.arange(count) / count


def whitened(image: Array, exponent: float) -> Array:
    """Filter a periodic image by abs(omega)^(exponent / 2), which makes spectra of abs(omega)^-exponent white."""
    rows, columns = image.shape
    omega = 2 * np.pi * np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    return np.asarray(irfft2(rfft2(image) * omega ** (exponent / 2), image.shape))


def autocorrelations(
    white: Array,
    angles: Array,
    reach: int,
    border: float,
    blend: float,
    noise_std: float = 0.0,
    exponent: float = 0.0,
) -> Array:
    """Autocorrelation of the projections of an image onto lines.

    P_a(t) = sum of white(y, x) over x cos a + y sin a = t, and R_a(s) = sum_t P_a(t) P_a(t + s).

    Parameters
    ----------
    white
        Whitened image, shape (H, W).
    angles
        Shape (A,), radians, of `directions`.
    reach
        Largest lag in pixels.
    border
        Share of the image over which it is faded out, in [0, 1].
    blend
        Neighbouring directions are averaged by a Gaussian of this standard deviation, in units of their spacing:
        the autocorrelation of one projection is noisy.
    noise_std
        Standard deviation of white noise in the image before it was whitened; its expected share is subtracted.
    exponent
        That of `whitened`.

    Returns
    -------
    ndarray
        R at lags 0 ... reach, shape (A, reach + 1).
    """
    rows, columns = white.shape
    window = tukey(rows, border)[:, None] * tukey(columns, border)
    faded = (white * window).ravel()
    y, x = np.mgrid[:rows, :columns].reshape(2, -1)
    y, x = y - rows / 2, x - columns / 2
    half = int(_FINENESS * np.hypot(rows, columns) / 2) + 2
    length = next_fast_len(2 * half + _FINENESS * (reach + 1), real=True)
    frequency = np.fft.rfftfreq(length) * _FINENESS
    noise = noise_std**2 * float((window**2).sum()) * (2 * np.pi * frequency) ** exponent
    found = np.empty((len(angles), reach + 1))
    for index, angle in enumerate(angles):
        place = _FINENESS * (x * np.cos(angle) + y * np.sin(angle)) + half
        left = np.floor(place).astype(np.intp)
        share = place - left
        line = np.bincount(left, (1 - share) * faded, length) + np.bincount(left + 1, share * faded, length)
        # Sharing a pixel between two bins is a triangle filter. Beyond the pixels' own band there is nothing to see.
        power = np.abs(rfft(line, length)) ** 2 / np.sinc(frequency / _FINENESS) ** 4 - noise
        power[frequency > 0.5 / max(abs(np.cos(angle)), abs(np.sin(angle)))] = 0.0
        found[index] = _FINENESS * irfft(power, length)[: _FINENESS * reach + 1 : _FINENESS]
    return np.asarray(gaussian_filter1d(found, blend, axis=0, mode="wrap") if blend > 0 else found)


def kernel_autocorrelations(measured: Array, support: NDArray[np.intp]) -> Array:
    """Turn the autocorrelations of the image into those of the kernel's projections.

    R_a = c_a R_kernel,a + m_a: the level m_a is the value at the end s_a of the support, where the kernel's is zero,
    and c_a makes the sum over all lags one.

    Parameters
    ----------
    measured
        Shape (A, L), lags 0 ... L - 1.
    support
        s_a, lag from which the kernel's autocorrelation is zero, shape (A,).

    Returns
    -------
    ndarray
        Shape (A, L), not negative.
    """
    lags = np.arange(measured.shape[1])
    level = np.take_along_axis(measured, support[:, None], 1)
    excess = np.where(lags < support[:, None], measured - level, 0.0).clip(min=0.0)
    total = 2 * excess.sum(1, keepdims=True) - excess[:, :1]
    return np.asarray(excess / np.maximum(total, 1e-30))


def power_spectrum(projected: Array, side: int) -> Array:
    """Put the spectra of projections together: the slice of abs(H)^2 along a direction is that of its projection.

    Parameters
    ----------
    projected
        Autocorrelations of the kernel's projections at the angles of `directions`, shape (A, L).
    side
        Number N of samples of the Fourier grid along each axis, even.

    Returns
    -------
    ndarray
        abs(H)^2, shape (N, N // 2 + 1), in the order of rfft2, between 0 and 1.
    """
    count, length = projected.shape
    fy, fx = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    radius, turn = np.hypot(fx, fy).ravel(), (np.arctan2(fy, fx).ravel() % np.pi) * count / np.pi
    below = np.floor(turn).astype(np.intp)
    share = turn - below
    cosines = np.cos(2 * np.pi * radius[:, None] * np.arange(length))
    cosines[:, 1:] *= 2
    both = [(cosines * projected[index % count]).sum(1) for index in (below, below + 1)]
    return np.asarray(((1 - share) * both[0] + share * both[1]).reshape(fx.shape).clip(0.0, 1.0))
