"""What is wrong with a stack before it is a volume: empty planes, saturated voxels, bleaching, planes out of order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.checked_image import SMALLEST_SIDE, masked_pixels, unmasked
from napari_deepblur.errors import ImageError, SettingsError
from napari_deepblur.optics import Microscope

_SATURATED_VOXELS = 16
_LEAST_BLEACHING, _LEAST_FIT = 0.05, 0.9
"""Loss over the stack from which light is taken to bleach, and the share of its course that an exponential explains."""

_COARSE, _FINE = 2.0, 0.1
"""Spacings in units of Nyquist's beyond which a user is warned."""

_SAME = 0.995
_DARKEST = 0.1
"""Percentile of a volume that is taken for its background."""


@dataclass(frozen=True)
class VolumeSurvey:
    """A stack made ready, and what was found in it.

    Attributes
    ----------
    volume
        float32, with the light of all planes brought to that of the first, shape (D, H, W).
    mask
        True where a voxel says something, same shape; None where all do.
    darkest
        Intensity of the darkest places.
    notes
        What was done, and what may be wrong, in words.
    """

    volume: NDArray[np.float32]
    mask: NDArray[np.bool_] | None
    darkest: float
    notes: tuple[str, ...]


def check_spacing(spacing_um: float | None, microscope: Microscope | None) -> tuple[float, tuple[str, ...]]:
    """Return the distance of the planes in micrometres, with what is doubtful about it.

    Raises
    ------
    SettingsError
        If it is missing, zero or not finite.
    """
    if spacing_um is None:
        raise SettingsError(
            "The distance of the planes is missing: a volume needs it. Look it up in the file's metadata or in the "
            "protocol, and give it in micrometres, or go through the stack plane by plane."
        )
    if not math.isfinite(spacing_um) or spacing_um == 0:
        raise SettingsError(
            f"The plane spacing is {spacing_um:g} um, expected a distance other than zero, negative where the planes "
            "were taken the other way. Or go through the stack plane by plane."
        )
    if microscope is None:
        return float(spacing_um), ()
    nyquist = nyquist_spacing_um(microscope)
    ratio = abs(spacing_um) / nyquist
    if ratio > _COARSE:
        words = f"The planes are {abs(spacing_um):g} um apart, {ratio:.1f} times Nyquist's {nyquist:.2g} um: details "
        return float(spacing_um), (words + "along z fall between them. Is the spacing in micrometres?",)
    if ratio < _FINE:
        words = f"The planes are {abs(spacing_um):g} um apart, {ratio:.2g} of Nyquist's {nyquist:.2g} um: "
        return float(spacing_um), (words + "unusually fine. Is the spacing in micrometres?",)
    return float(spacing_um), ()


def nyquist_spacing_um(microscope: Microscope) -> float:
    """Largest distance of planes without aliasing, wavelength / (2 n (1 - cos alpha)), sin alpha = NA / n."""
    n = microscope.n_immersion
    axial = n - math.sqrt(max(n**2 - microscope.na**2, 0.0))
    return microscope.wavelength_um / (2 * axial)


def survey_volume(volume: NDArray[np.generic], wide_field: bool = True) -> VolumeSurvey:
    """Look at a stack.

    Parameters
    ----------
    volume
        Shape (D, H, W), any real numeric type; what is masked in a masked array does not count.
    wide_field
        Whether every plane sees all light, so that its loss from plane to plane is bleaching. A confocal stack may
        get darker because the specimen does.

    Raises
    ------
    ImageError
        If it has not three axes, is not numeric, is too small, holds NaN or infinity, or nothing at all.
    """
    if volume.ndim != 3 or volume.dtype.kind not in "buif" or min(volume.shape[1:], default=0) < SMALLEST_SIDE:
        raise ImageError(
            f"The stack has the shape {volume.shape} and the type {volume.dtype}, expected real numbers of the shape "
            f"(planes, rows, columns), with at least {SMALLEST_SIDE} rows and columns."
        )
    hidden = masked_pixels(volume)
    values = np.array(unmasked(volume), dtype=np.float32)
    if not np.isfinite(values).all():
        raise ImageError(f"{int((~np.isfinite(values)).sum())} voxels are NaN or infinite. Replace them, or crop them.")
    lit = np.array([float(plane.max()) > float(plane.min()) for plane in values])
    if not lit.any():
        raise ImageError("All planes are empty: each has one value everywhere. Is this the right channel?")
    notes: list[str] = []
    mask = np.ones(values.shape, dtype=bool)
    if not lit.all():
        mask[~lit] = False
        numbers = ", ".join(map(str, np.flatnonzero(~lit)))
        notes.append(f"Empty planes, which say nothing and are filled in from the others: {numbers}.")
    if hidden is not None:
        mask[hidden] = False
        notes.append(f"{int(hidden.sum())} voxels ({hidden.mean():.2%}) are masked in the array, and are left out.")
    saturated = _saturated(unmasked(volume), values)
    if saturated.any():
        mask[saturated] = False
        notes.append(f"{int(saturated.sum())} saturated voxels ({saturated.mean():.2%}) say nothing and are left out.")
    darkest = float(np.percentile(values[lit], _DARKEST))
    if wide_field:
        notes += _unbleach(values, lit, darkest)
    notes += _doubts(values[lit])
    return VolumeSurvey(values, None if mask.all() else mask, darkest, tuple(notes))


def _saturated(volume: NDArray[np.generic], values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels at the end of the range: many of one largest value, which noise does not make."""
    top = values.max()
    at_top: NDArray[np.bool_] = values >= top
    counts = volume.dtype.kind in "ui"
    full = counts and float(top) >= float(np.iinfo(str(volume.dtype)).max)
    # Cameras of 12 bits end at 4095 in files of 16.
    many = int(at_top.sum()) >= max(_SATURATED_VOXELS, values.size // 100_000)
    return at_top if full or (counts and many and top > _SATURATED_VOXELS) else np.zeros_like(at_top)


def _unbleach(values: NDArray[np.float32], lit: NDArray[np.bool_], darkest: float) -> list[str]:
    """Divide the light of each plane by a falling exponential, in place, where one explains its course."""
    places = np.flatnonzero(lit)
    light = np.maximum(values[lit].mean(axis=(1, 2), dtype=np.float64) - darkest, 1e-12)
    if len(places) < 4:
        return []
    logarithm = np.log(light)
    slope, start = np.polyfit(places, logarithm, 1)
    loss = 1 - math.exp(slope * (len(values) - 1))
    left = logarithm - (slope * places + start)
    explained = 1 - float(left.var() / max(float(logarithm.var()), 1e-12))
    if loss < _LEAST_BLEACHING or explained < _LEAST_FIT:
        return []
    gain = np.exp(-slope * np.arange(len(values))).astype(np.float32)
    values[:] = (values - np.float32(darkest)) * gain[:, None, None] + np.float32(darkest)
    return [
        f"The light falls by {loss:.0%} from the first plane to the last, as bleaching does: planes were normalized."
    ]


def _doubts(planes: NDArray[np.float32]) -> list[str]:
    """Warn of planes out of order, and of stacks whose planes are all the same."""
    if len(planes) < 4:
        return []
    step = max(min(planes.shape[1:]) // 128, 1)
    flat = planes[:, ::step, ::step].reshape(len(planes), -1).astype(np.float64)
    likeness = np.corrcoef(flat)
    near, far = (float(np.diagonal(likeness, d).mean()) for d in (1, 2))
    if float(likeness.min()) > _SAME:
        return ["All planes look the same: is the stack a series over time, or one plane many times?"]
    if far > near + 0.02:
        words = f"Planes are more alike two places apart ({far:.2f}) than next to each other ({near:.2f}): "
        return [words + "are they in order?"]
    return []
