"""Goldstein and Fattal: the kernel's power spectrum from projections of the whitened image, then its phases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from benchmarks.baselines.kernels import Array, centred, checked_image, point, pruned, scaled_noise
from benchmarks.baselines.periodic import extended
from benchmarks.baselines.phase_retrieval import retrieve_phases
from benchmarks.baselines.projections import (
    autocorrelations,
    directions,
    kernel_autocorrelations,
    power_spectrum,
    whitened,
)
from benchmarks.baselines.sparsity import busiest_patch, gradient_sparsity


class SpectralParameters(NamedTuple):
    """Numbers of the method.

    Attributes
    ----------
    exponent
        Of the spectra of sharp scenes: abs(omega)^-exponent.
    angles
        Number of directions.
    blend
        Standard deviation of the average over neighbouring directions, in units of their spacing.
    border
        Share of the image over which it is faded out.
    rounds
        Estimates of the support, each followed by a phase retrieval. The papers iterate; here later rounds, started
        from an imperfect kernel, do not pay on average.
    restarts, iterations
        Of each phase retrieval.
    cut
        Values of the kernel below this share of the largest are removed.
    smallest_part
        Islands of the kernel below this share of its sum are removed.
    patch
        Side in pixels of the patch that is deconvolved to choose among kernels.
    """

    exponent: float = 2.5
    angles: int = 90
    blend: float = 2.0
    border: float = 0.3
    rounds: int = 1
    restarts: int = 15
    iterations: int = 200
    cut: float = 0.02
    smallest_part: float = 0.1
    patch: int = 250


def estimate_kernel_spectral(
    image: NDArray[np.floating],
    size: int,
    *,
    noise_std: float = 0.0,
    seed: int = 0,
    parameters: SpectralParameters | None = None,
) -> Array:
    """Estimate a blur kernel from the power spectrum of the image.

    Sharp scenes have spectra c_a abs(omega)^-2 along each direction a. Whiten the image; then the autocorrelation of
    its projection along a is c_a R_a + m_a, with R_a that of the kernel's projection. The slices abs(H)^2 follow, and
    phase retrieval finds h. The kernel tells its support, hence better m_a, and so on.

    Parameters
    ----------
    image
        Blurred image, shape (H, W), any unit.
    size
        Side k of the kernel in pixels, odd.
    noise_std
        Standard deviation of the noise in the image's unit: its mean share of the autocorrelations is subtracted.
    seed
        Of the random phases.
    parameters
        Of the method.

    Returns
    -------
    ndarray
        Kernel h, shape (k, k), not negative, sum 1, centre of mass on the centre pixel. Of h(x) and h(-x), which have
        the same spectrum, and of all rounds and restarts, the one that gives the sparsest scene.

    Raises
    ------
    ImageError, SettingsError
        If the arguments cannot be used.

    Notes
    -----
    Sources: A. Goldstein and R. Fattal, Blur-kernel estimation from spectral irregularities, ECCV 2012; J. Anger, G.
    Facciolo and M. Delbracio, Estimating an image's blur kernel using natural image statistics, and deblurring it,
    Image Processing On Line 8 (2018). The papers know no noise; without `noise_std` it
    adds to the autocorrelations near lag zero, and the kernel becomes a point.
    """
    chosen = parameters or SpectralParameters()
    pixels = checked_image(image, size)
    noise = scaled_noise(noise_std, image)
    rng = np.random.default_rng(seed)
    side = next_fast_len(2 * size, real=True)
    side += side % 2
    square = np.zeros((side, side), dtype=bool)
    square[:size, :size] = True
    angles = directions(chosen.angles)
    white = whitened(extended(pixels, size), chosen.exponent)[: pixels.shape[0], : pixels.shape[1]]
    measured = autocorrelations(
        white, angles, int(np.ceil(np.sqrt(2) * size)), chosen.border, chosen.blend, noise, chosen.exponent
    )
    patch = busiest_patch(pixels, chosen.patch)
    support = measured.argmin(1)
    best, sparsest = point(size), np.inf
    for _ in range(chosen.rounds):
        power = power_spectrum(kernel_autocorrelations(measured, support), side)
        found = retrieve_phases(np.sqrt(power), square, chosen.restarts, chosen.iterations, rng)
        kernel, sparsity = _sparsest(found, patch, chosen)
        if sparsity < sparsest:
            best, sparsest = kernel, sparsity
        support = kernel_extent(kernel, angles).clip(1, measured.shape[1] - 1)
    return best


def _sparsest(found: Array, patch: Array, chosen: SpectralParameters) -> tuple[Array, float]:
    clean = [centred(pruned(kernel, chosen.cut, chosen.smallest_part)) for kernel in found]
    both = [kernel for one in clean for kernel in (one, one[::-1, ::-1])]
    values = [gradient_sparsity(patch, kernel) for kernel in both]
    return both[int(np.argmin(values))], min(values)


def kernel_extent(kernel: Array, angles: Array) -> NDArray[np.intp]:
    """Lag from which the autocorrelation of a kernel's projection is zero: how far its pixels reach along each angle.

    Parameters
    ----------
    kernel
        Shape (k, k).
    angles
        Shape (A,), radians.

    Returns
    -------
    ndarray
        Pixels, rounded up, shape (A,).
    """
    y, x = np.nonzero(kernel)
    place = np.outer(np.cos(angles), x) + np.outer(np.sin(angles), y)
    extent: NDArray[np.intp] = np.ceil(np.ptp(place, axis=1) + 1).astype(np.intp)
    return extent
