"""What microscopists ask of a point spread function: Strehl ratio, width at half its maximum, transfer function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics.microscope import Microscope
from napari_deepblur.optics.psf import psf_model, zernike_psf

_FINER = 20
"""Samples of a profile per pixel: a fiftieth of a pixel is below what anybody reads off."""

_PARTS = 10
"""Parts of a pixel along each side, for radii finer than pixels."""

_TRANSFORM = 512
"""Pixels of the Fourier transform, for a transfer function without visible corners."""


@dataclass(frozen=True)
class PsfMetrics:
    """Measures of one PSF.

    Attributes
    ----------
    strehl
        Peak over that of the PSF of the same optics without aberrations, both of sum one over the same square.
    fwhm_um
        Full widths at half maximum along rows (vertical) and columns (horizontal) through the peak, in micrometres.
    ideal_fwhm_um
        The same without aberrations.
    distance_um
        From the peak, of the profiles, in micrometres, shape (2 k - 1,).
    profiles
        Through the peak along rows (vertical) and columns (horizontal), of a PSF of sum one; NaN outside the square;
        each of shape (2 k - 1,).
    ideal_profile
        The same without aberrations, shape (2 k - 1,).
    frequency
        Of the transfer function, in cycles per micrometre, shape (F,).
    transfer, ideal_transfer
        Modulus of the transfer function, mean over directions, with and without aberrations, shape (F,).
    limit
        Frequency beyond which the optics transmit nothing, 2 NA / wavelength, in cycles per micrometre.
    """

    strehl: float
    fwhm_um: tuple[float, float]
    ideal_fwhm_um: tuple[float, float]
    distance_um: NDArray[np.float64]
    profiles: tuple[NDArray[np.float64], NDArray[np.float64]]
    ideal_profile: NDArray[np.float64]
    frequency: NDArray[np.float64]
    transfer: NDArray[np.float64]
    ideal_transfer: NDArray[np.float64]
    limit: float


def measure_psf(psf: ArrayLike, microscope: Microscope) -> PsfMetrics:
    """Measure a PSF against the same optics without aberrations.

    Parameters
    ----------
    psf
        Shape (k, k), k odd, of any positive sum.
    microscope
        Its optics and pixel size.

    Returns
    -------
    PsfMetrics
        See there.

    Raises
    ------
    FamilyError
        If it is no square of odd side, or its sum is not positive.

    Notes
    -----
    Source: M. Born, E. Wolf, "Principles of Optics", 7th edition, section 9.1 (Strehl) and 9.5 (transfer function).
    """
    values = np.asarray(psf, np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] % 2 == 0 or not values.sum() > 0:
        raise FamilyError(f"A PSF of shape {values.shape} and sum {values.sum():g}, expected an odd square above 0.")
    values = values / values.sum()
    ideal = ideal_psf(microscope, len(values))
    pixel = microscope.pixel_size_um
    frequency, transfer = otf_profile(values, pixel)
    return PsfMetrics(
        strehl=strehl_ratio(values, ideal),
        fwhm_um=tuple(pixel * width for width in fwhm(values)),  # type: ignore[arg-type]
        ideal_fwhm_um=tuple(pixel * width for width in fwhm(ideal)),  # type: ignore[arg-type]
        distance_um=pixel * np.arange(1 - len(values), len(values), dtype=np.float64),
        profiles=_profiles(values),
        ideal_profile=_profiles(ideal)[1],
        frequency=frequency,
        transfer=transfer,
        ideal_transfer=otf_profile(ideal, pixel)[1],
        limit=2 * microscope.na / microscope.wavelength_um,
    )


def ideal_psf(microscope: Microscope, size: int) -> NDArray[np.float64]:
    """Return the PSF of optics without aberrations, of sum one over a square of odd side; shape (k, k)."""
    psf = zernike_psf(torch.zeros(1), psf_model(microscope.pupil, (4,), size)).numpy().astype(np.float64)
    return np.asarray(psf / psf.sum())


def strehl_ratio(psf: NDArray[np.float64], ideal: NDArray[np.float64]) -> float:
    """Return the peak over that of the PSF without aberrations, both of sum one over the same square."""
    return float(psf.max() / ideal.max())


def encircled_radius(psf: NDArray[np.float64], share: float = 0.5) -> float:
    """Radius about the centroid inside which a share of the light of the square lies, in pixels; shape (k, k).

    The light of a pixel is spread evenly over it.
    """
    fine = np.repeat(np.repeat(psf, _PARTS, axis=0), _PARTS, axis=1) / _PARTS**2
    axis = (np.arange(len(fine)) + 0.5) / _PARTS - 0.5
    total = fine.sum()
    row, column = float(fine.sum(1) @ axis / total), float(fine.sum(0) @ axis / total)
    distance = np.hypot(axis[:, None] - row, axis[None] - column).ravel()
    order = np.argsort(distance)
    inside = np.cumsum(fine.ravel()[order]) / total
    return float(distance[order][int(np.argmax(inside >= share))])


def otf_cutoff(psf: NDArray[np.float64], pixel_size_um: float, level: float = 0.05) -> float:
    """Frequency at which the mean of |H| over directions first falls to a level, in cycles per micrometre.

    Half a cycle per pixel where it does not.
    """
    frequency, transfer = otf_profile(psf / psf.sum(), pixel_size_um)
    below = np.flatnonzero(transfer < level)
    if not len(below):
        return float(frequency[-1])
    last = int(below[0])
    rise = (transfer[last - 1] - level) / (transfer[last - 1] - transfer[last])
    return float(frequency[last - 1] + rise * (frequency[last] - frequency[last - 1]))


def fwhm(psf: NDArray[np.float64]) -> tuple[float, float]:
    """Full widths at half maximum (along rows, along columns) through the brightest pixel, in pixels.

    Profiles are interpolated by cubic splines, and the maximum is that of the spline; where a profile does not fall to
    a half inside the square, its width is that of the square.
    """
    row, column = np.unravel_index(int(psf.argmax()), psf.shape)
    return width_of(psf[:, column], int(row)), width_of(psf[row], int(column))


def otf_profile(psf: NDArray[np.float64], pixel_size_um: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of |H| over all directions.

    Parameters
    ----------
    psf
        Shape (k, k), of sum one.
    pixel_size_um
        Pixel size in micrometres.

    Returns
    -------
    tuple
        Frequencies from 0 to half a cycle per pixel, in cycles per micrometre, and |H| there; 1 at 0.
    """
    modulus = np.abs(np.fft.fft2(psf, s=(_TRANSFORM, _TRANSFORM)))
    kept, ring, count = _rings()
    sums = np.bincount(ring, modulus[kept])
    return np.arange(len(sums)) / _TRANSFORM / pixel_size_um, sums / count


@cache
def _rings() -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """Which bins of the transform are averaged, shape (n, n), the ring of each of these, and how many each ring has."""
    steps = np.fft.fftfreq(_TRANSFORM) * _TRANSFORM
    ring = np.rint(np.hypot(steps[:, None], steps[None, :])).astype(np.intp)
    kept = ring <= _TRANSFORM // 2
    return kept, ring[kept], np.bincount(ring[kept])


def _profiles(psf: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    row, column = np.unravel_index(int(psf.argmax()), psf.shape)
    return centred_profile(psf[:, column], int(row)), centred_profile(psf[row], int(column))


def centred_profile(profile: NDArray[np.float64], peak: int) -> NDArray[np.float64]:
    """Return a profile with its peak in the middle of twice its length, NaN where it does not reach."""
    centred = np.full(2 * len(profile) - 1, np.nan)
    first = len(profile) - 1 - peak
    centred[first : first + len(profile)] = profile
    return centred


def width_of(profile: NDArray[np.float64], peak: int) -> float:
    """Full width at half maximum of a profile, in samples, as `fwhm` says; of a single sample it is 0."""
    if len(profile) < 2:
        return 0.0
    places = np.arange(len(profile))
    fine = np.linspace(0, len(profile) - 1, (len(profile) - 1) * _FINER + 1)
    values = CubicSpline(places, profile)(fine)
    near = slice(max((peak - 1) * _FINER, 0), (peak + 1) * _FINER + 1)
    top = near.start + int(values[near].argmax())
    half = values[top] / 2
    below = values < half
    left = np.flatnonzero(below[:top])
    right = np.flatnonzero(below[top:])
    first = _crossing(fine, values, left[-1], half) if len(left) else 0.0
    last = _crossing(fine, values, top + right[0] - 1, half) if len(right) else float(len(profile) - 1)
    return last - first


def _crossing(x: NDArray[np.float64], y: NDArray[np.float64], i: int, level: float) -> float:
    """Where the line from sample i to the next passes a level."""
    return float(x[i] + (level - y[i]) / (y[i + 1] - y[i]) * (x[i + 1] - x[i]))
