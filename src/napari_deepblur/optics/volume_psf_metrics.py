"""What microscopists ask of a point spread function of three dimensions: Strehl ratio, widths, sections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics.psf_metrics import centred_profile, width_of


@dataclass(frozen=True)
class VolumePsfMetrics:
    """Measures of one three-dimensional PSF, along z, y and x through its brightest voxel.

    Attributes
    ----------
    strehl
        Peak over that of the PSF of the same optics without aberrations, whose planes hold as much light.
    fwhm_um
        Full widths at half maximum, in micrometres. Where a profile does not fall to a half, its width is its length.
    ideal_fwhm_um
        The same without aberrations.
    distances_um
        From the peak, of the profiles along each axis.
    profiles
        Of a peak of `strehl`; NaN outside the PSF.
    ideal_profiles
        The same without aberrations, of peak 1.
    xz, yz
        Sections through the peak, of peak 1, z downwards, shapes (P, l) and (P, k).
    voxel_um
        Distances of voxels.
    """

    strehl: float
    fwhm_um: tuple[float, float, float]
    ideal_fwhm_um: tuple[float, float, float]
    distances_um: tuple[NDArray[np.float64], ...]
    profiles: tuple[NDArray[np.float64], ...]
    ideal_profiles: tuple[NDArray[np.float64], ...]
    xz: NDArray[np.float64]
    yz: NDArray[np.float64]
    voxel_um: tuple[float, float, float]


def measure_volume_psf(psf: ArrayLike, ideal: ArrayLike, voxel_um: tuple[float, float, float]) -> VolumePsfMetrics:
    """Measure a three-dimensional PSF against that of the same optics without aberrations.

    Parameters
    ----------
    psf, ideal
        Shape (P, k, l), as `optics.psf_planes` makes them, of one shape.
    voxel_um
        Distances of planes, rows and columns; that of planes may be negative.

    Returns
    -------
    VolumePsfMetrics
        See there.

    Raises
    ------
    FamilyError
        If they have not one shape of three axes, or no light.
    """
    values, best = np.asarray(psf, np.float64), np.asarray(ideal, np.float64)
    if values.ndim != 3 or values.shape != best.shape or not (values.max() > 0 and best.max() > 0):
        raise FamilyError(
            f"PSFs of the shapes {values.shape} and {best.shape}, expected two of (planes, rows, columns) with light."
        )
    steps = tuple(abs(float(step)) for step in voxel_um)
    lines, peak = _lines(values)
    ideal_lines, ideal_peak = _lines(best)
    return VolumePsfMetrics(
        strehl=float(values.max() / best.max()),
        fwhm_um=_widths(lines, peak, steps),
        ideal_fwhm_um=_widths(ideal_lines, ideal_peak, steps),
        distances_um=tuple(
            step * np.arange(1 - n, n, dtype=np.float64) for step, n in zip(steps, values.shape, strict=True)
        ),
        profiles=tuple(centred_profile(line / best.max(), at) for line, at in zip(lines, peak, strict=True)),
        ideal_profiles=tuple(
            centred_profile(line / best.max(), at) for line, at in zip(ideal_lines, ideal_peak, strict=True)
        ),
        xz=values[:, peak[1], :] / values.max(),
        yz=values[:, :, peak[2]] / values.max(),
        voxel_um=(steps[0], steps[1], steps[2]),
    )


def _lines(psf: NDArray[np.float64]) -> tuple[tuple[NDArray[np.float64], ...], tuple[int, int, int]]:
    """Return the profiles along z, y and x through the brightest voxel, and where that is."""
    z, y, x = (int(i) for i in np.unravel_index(int(psf.argmax()), psf.shape))
    return (psf[:, y, x], psf[z, :, x], psf[z, y]), (z, y, x)


def _widths(
    lines: tuple[NDArray[np.float64], ...], peak: tuple[int, int, int], steps: tuple[float, ...]
) -> tuple[float, float, float]:
    z, y, x = (step * width_of(line, at) for line, at, step in zip(lines, peak, steps, strict=True))
    return z, y, x
