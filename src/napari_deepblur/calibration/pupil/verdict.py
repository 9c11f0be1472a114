"""Whether a pupil that was found in a bead stack can be relied on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.calibration.pupil.results import PupilRetrieval
from napari_deepblur.calibration.verdict import WIDTHS, Finding, Level
from napari_deepblur.optics import psf_model, zernike_psf
from napari_deepblur.optics.volume_psf_metrics import measure_volume_psf

_AGREEMENT_DB = 6.0, 12.0
"""Modelled against measured PSF: a quarter, and a sixteenth, of what was measured is not in the model."""

_NEAR_DB = 2.0
"""Below what noise allows, where the model could hardly agree better."""

_MISFIT = 1.5
"""Mean square of what is left over the noise, up to which the pupil explains the beads."""


class PupilWidths(NamedTuple):
    """Full widths at half maximum along z, y and x through the brightest voxel, in micrometres.

    Attributes
    ----------
    measured, modelled
        Of the two PSFs; where beads are no points, both with their size.
    ideal
        Of the same optics without aberrations, and of a point.
    """

    measured: tuple[float, float, float]
    modelled: tuple[float, float, float]
    ideal: tuple[float, float, float]


def pupil_widths(found: PupilRetrieval) -> PupilWidths:
    """Measure the PSFs of a pupil."""
    pixel = found.microscope.pixel_size_um
    voxel = (found.plane_spacing_um, pixel, pixel)
    beside = measure_volume_psf(np.maximum(found.measured, 0), found.modelled, voxel)
    own = _ideal(found)
    return PupilWidths(beside.fwhm_um, beside.ideal_fwhm_um, measure_volume_psf(own, own, voxel).fwhm_um)


def judge_pupil(found: PupilRetrieval, widths: PupilWidths) -> tuple[Finding, ...]:
    """Judge a pupil: its beads, how far modelled and measured PSF agree, what is left of the beads, and its widths."""
    beads = f"{len(found.places)} used; one is enough, and several tell more."
    return (Finding("good", "Beads", beads), _agreement(found), _misfit(found), _width(widths))


def _agreement(found: PupilRetrieval) -> Finding:
    words = (
        f"Modelled against measured PSF {found.psf_snr:.1f} dB in all planes, of which noise allows "
        f"{found.noise_snr:.1f} dB."
    )
    low, high = _AGREEMENT_DB
    if found.psf_snr >= min(high, found.noise_snr - _NEAR_DB):
        return Finding("good", "Residual", words)
    level: Level = "bad" if found.psf_snr < low else "warning"
    what = "The measured PSF makes no assumptions on optics: compare both, and check NA, index, pixel size and spacing."
    return Finding(level, "Residual", f"{words} {what}")


def _misfit(found: PupilRetrieval) -> Finding:
    words = f"What the pupil leaves of the beads is {found.misfit:.1f} times the noise."
    if found.misfit <= _MISFIT:
        return Finding("good", "Misfit", words)
    why = "Are the optics stated right, are the beads points, does the transmission vary?"
    return Finding("warning", "Misfit", f"{words} {why}")


def _width(widths: PupilWidths) -> Finding:
    (deep, *across), (depth, *best) = widths.measured, widths.ideal
    own, ideal = float(np.mean(across)), float(np.mean(best))
    words = f"{own:.3f} µm across and {deep:.3f} µm along z; the optics allow {ideal:.3f} and {depth:.3f} µm."
    if own < WIDTHS[0] * ideal or deep < WIDTHS[0] * depth:
        return Finding("bad", "Width", f"{words} No lens is sharper than that: check NA, wavelength, pixels, spacing.")
    if own > WIDTHS[1] * ideal:
        return Finding("warning", "Width", f"{words} Are the beads as small as stated, is the NA used fully?")
    return Finding("good", "Width", words)


def _ideal(found: PupilRetrieval) -> NDArray[np.float32]:
    """Return the planes of the same optics without aberrations, shape (Z, k, k)."""
    z = torch.from_numpy(found.offsets_um) / found.microscope.pixel_size_um
    model = psf_model(found.microscope.pupil, found.modes, found.measured.shape[-1], float(z.abs().max()))
    planes: NDArray[np.float32] = zernike_psf(torch.zeros(len(z), len(found.modes)), model, z).numpy()
    return planes
