"""Whether a calibration can be relied on: what there is to say of its beads, its optics and its model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.calibration.results import Calibration
from napari_deepblur.calibration.selection import FEWEST_BEADS
from napari_deepblur.errors import DeepblurError
from napari_deepblur.noise import estimate_noise
from napari_deepblur.optics import Microscope
from napari_deepblur.optics.psf_metrics import PsfMetrics, measure_psf

Level = Literal["good", "warning", "bad"]

SIGNS: dict[Level, str] = {"good": "✔", "warning": "⚠", "bad": "✖"}
"""What stands before a finding: colour alone is not seen by everybody."""

_ERRORS = 0.2, 0.5
"""Relative squared errors at beads left out above which a finding is a warning, and bad; it holds their noise."""

_PHOTONS = 50.0, 200.0
"""In the brightest pixel of a bead in focus: below the first it is bad, below the second a warning."""

_AROUND = np.array([-1, 0, 1])

WIDTHS = 0.9, 1.5
"""Measured width over that of the optics: a measured one is not smaller, but by its noise."""

_CELLS, _COVERED = 4, (0.5, 0.75)
"""Cells along each side of the field, and shares of them with beads: below the first it is bad, then a warning."""

_STANDS_OUT = 2.0
"""Times the floor of the singular values that one which was left out may have."""


class Finding(NamedTuple):
    """One answer about a calibration.

    Attributes
    ----------
    level
        How serious it is.
    title
        What it is about.
    words
        What was found, and what to do where it is not good.
    """

    level: Level
    title: str
    words: str


def judge(found: Calibration, stacks: Sequence[NDArray[Any]] = ()) -> tuple[Finding, ...]:
    """Judge a calibration.

    Parameters
    ----------
    found
        The calibration.
    stacks
        Its images, shape (D, H, W) or (H, W) each; photons are only counted where they and the optics are there.

    Returns
    -------
    tuple of Finding
        Beads, field, photons, width, eigen-PSFs and the error at beads left out, as far as they can be told.
    """
    every = (_beads(found), _field(found), _photons(found, stacks), _width(found), _eigen_psfs(found), _error(found))
    return tuple(finding for finding in every if finding is not None)


def worst(findings: Sequence[Finding]) -> Level:
    """Return the most serious level; good where there is none."""
    order: tuple[Level, ...] = ("good", "warning", "bad")
    return max((finding.level for finding in findings), key=order.index, default="good")


def sharpest(found: Calibration) -> NDArray[np.float64]:
    """Return the PSF of the plane with the highest peak, on average over the field, of sum one, shape (k, k)."""
    weights = found.maps.mean(axis=(1, 2), dtype=np.float64)
    psfs = np.einsum("lij,j,ihw->lhw", found.thetas, weights, found.eigen_psfs, optimize=True)
    psfs = np.maximum(psfs, 0)
    psfs /= np.maximum(psfs.sum(axis=(1, 2), keepdims=True), 1e-12)
    return np.asarray(psfs[int(psfs.max(axis=(1, 2)).argmax())])


def width(found: Calibration) -> PsfMetrics | None:
    """Measure the sharpest plane; None where the optics are not known."""
    return None if found.microscope is None else measure_psf(sharpest(found), found.microscope)


def _beads(found: Calibration) -> Finding:
    table = found.beads
    counts = np.bincount(table.stack[table.kept], minlength=int(table.stack.max(initial=0)) + 1)
    few = int(counts.min())
    words = f"{int(table.kept.sum())} of {len(table)} used, at least {few} in a stack."
    if few >= 2 * FEWEST_BEADS:
        return Finding("good", "Beads", words)
    return Finding("warning", "Beads", f"{words} Image more of them, or more stacks with the beads in other places.")


def _field(found: Calibration) -> Finding:
    table = found.beads
    places = table.points[table.kept] / np.asarray(found.field_shape)
    cells = np.clip((places * _CELLS).astype(int), 0, _CELLS - 1)
    seen = np.zeros((_CELLS, _CELLS), bool)
    seen[cells[:, 0], cells[:, 1]] = True
    share = float(seen.mean())
    words = f"Beads in {int(seen.sum())} of {seen.size} parts of it."
    if share >= _COVERED[1]:
        return Finding("good", "Field", words)
    rows, columns = ("top", "middle", "middle", "bottom"), ("left", "middle", "middle", "right")
    named = (f"{rows[r]} {columns[c]}" for r, c in np.argwhere(~seen).tolist())
    bare = dict.fromkeys(name.replace("middle middle", "middle") for name in named)
    words += f" The model guesses at: {', '.join(bare)}. Image beads there, or restore the middle only."
    return Finding("warning" if share >= _COVERED[0] else "bad", "Field", words)


def _photons(found: Calibration, stacks: Sequence[NDArray[Any]]) -> Finding | None:
    """Judge the darkest stack: its planes are states of the microscope as good as the others."""
    if found.microscope is None:
        return None
    counted = {index: _peak(found, index, stack, found.microscope) for index, stack in enumerate(stacks)}
    peaks = {index: peak for index, peak in counted.items() if peak is not None}
    if not peaks:
        return None
    darkest = min(peaks, key=peaks.__getitem__)
    peak = peaks[darkest]
    which = f", in stack {darkest} of {len(stacks)}, the darkest" if len(stacks) > 1 else ""
    words = f"About {float(f'{peak:.2g}'):g} in the brightest pixel of a bead in focus{which}."
    if peak >= _PHOTONS[1]:
        return Finding("good", "Photons", words)
    level: Level = "warning" if peak >= _PHOTONS[0] else "bad"
    return Finding(level, "Photons", f"{words} Expose longer, or take brighter beads: {_PHOTONS[1]:g} are enough.")


def _peak(found: Calibration, index: int, stack: NDArray[Any], microscope: Microscope) -> float | None:
    """Count the photons of one stack in the brightest pixel of its median bead; None where they cannot be told."""
    values = np.asarray(stack, np.float32)
    planes = values.reshape(-1, *values.shape[-2:])
    try:
        alpha = estimate_noise(planes[len(planes) // 2], microscope).alpha
    except DeepblurError:
        return None
    table = found.beads
    own = table.kept & (table.stack == index)
    if not alpha > 0 or not own.any():
        return None
    # The three by three pixels about each bead: its middle lies between pixels.
    rows, columns = (np.round(places[own]).astype(int)[:, None] + _AROUND for places in (table.row, table.column))
    rows, columns = rows.clip(0, planes.shape[1] - 1), columns.clip(0, planes.shape[2] - 1)
    peaks = planes[:, rows[:, :, None], columns[:, None, :]].max(axis=(0, 2, 3)) - table.background[own]
    return float(np.median(peaks) / alpha)


def _width(found: Calibration) -> Finding | None:
    metrics = width(found)
    if metrics is None or not np.isfinite(metrics.fwhm_um).all():
        return None
    own, ideal = float(np.mean(metrics.fwhm_um)), float(np.mean(metrics.ideal_fwhm_um))
    words = f"{own:.3f} µm at half maximum in the sharpest plane; the optics allow {ideal:.3f} µm."
    if own < WIDTHS[0] * ideal:
        return Finding("bad", "Width", f"{words} No lens is sharper than that: check NA, wavelength and pixel size.")
    if own > WIDTHS[1] * ideal:
        why = "Is focus in the stack, are the beads as small as stated, is the NA used fully?"
        return Finding("warning", "Width", f"{words} {why}")
    return Finding("good", "Width", words)


def _eigen_psfs(found: Calibration) -> Finding:
    used, tried = len(found.eigen_psfs), found.psf_errors.size - 1
    if tried > 0:
        if used < tried:
            return Finding("good", "Eigen-PSFs", f"{used} used; more predict beads left out no better.")
        words = f"All {used} that were tried are used, and more might help. Take more beads, or fewer kinds of planes."
        return Finding("warning", "Eigen-PSFs", words)
    rest = found.singular_values[used:]
    if len(rest) > 1 and rest[0] > _STANDS_OUT * float(np.median(rest)):
        words = f"{used}, as asked for, are too few: the next one stands out of the noise."
        return Finding("warning", "Eigen-PSFs", words)
    return Finding("good", "Eigen-PSFs", f"{used}, as asked for.")


def _error(found: Calibration) -> Finding | None:
    used = len(found.eigen_psfs)
    if found.psf_errors.size <= used:
        return None
    error = float(found.psf_errors[used])
    words = f"PSFs of beads left out are predicted with a relative squared error of {error:.2g}, their noise included."
    if error <= _ERRORS[0]:
        return Finding("good", "Prediction", words)
    level: Level = "warning" if error <= _ERRORS[1] else "bad"
    return Finding(level, "Prediction", f"{words} More light, more beads, or a field that is the same in all stacks.")
