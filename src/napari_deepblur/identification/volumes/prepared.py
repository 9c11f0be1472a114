"""A stack made ready to be looked at as a volume, and what is odd about it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.checked_image import check_image
from napari_deepblur.errors import FamilyError, ImageError, SettingsError
from napari_deepblur.identification.volumes.cross_spectra import CrossSpectra
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.operators import OperatorFamily, ZernikeFamily
from napari_deepblur.optics import Microscope

_FEWEST_PLANES = 3
_SMALLEST_SIDE = 32
_CHANGE_THAT_IS_SAID = 1.1
_STRONGEST_GAIN = 5.0
_ALIKE = 1.15
"""Mean squared difference of any two planes over that of the noise, below which all planes count as alike."""

_NOTHING = 0.02
"""Power above the noise, in units of it, below which planes carry nothing."""

_COARSE = 2.0
"""Distance of planes, in units of the axial Nyquist distance, from which it is said."""


class Prepared(NamedTuple):
    """Planes of equal brightness.

    Attributes
    ----------
    stack
        Those that hold anything, float32, shape (Z, H, W).
    numbers
        Their numbers in the stack that was given, shape (Z,).
    noise
        In the units of the planes.
    notes
        Sentences for the user.
    """

    stack: NDArray[np.float32]
    numbers: NDArray[np.intp]
    noise: PoissonGaussianNoise
    notes: tuple[str, ...]


def check_volume(stack: NDArray[np.generic], family: OperatorFamily, plane_spacing_um: float) -> ZernikeFamily:
    """Return the Zernike family of a stack that can be identified as a volume, or say what is wrong.

    Raises
    ------
    FamilyError
        If the family is not of Zernike modes.
    SettingsError
        If the spacing is zero or not finite.
    ImageError
        If the stack has not three axes, less than three planes, or planes of less than 32 pixels a side.
    """
    zernike = family.local
    if zernike is None or family.field_shape is not None:
        raise FamilyError(
            "A volume's wavefront is found in Zernike modes, the same over the field; this family has none. Identify "
            "the planes one by one, or choose a Zernike family."
        )
    if not math.isfinite(plane_spacing_um) or plane_spacing_um == 0:
        raise SettingsError(
            f"The plane spacing is {plane_spacing_um:g} um, expected a distance other than zero, negative where the "
            "planes were taken the other way. Look it up in the file's metadata, or identify the planes one by one."
        )
    if stack.ndim != 3 or len(stack) < _FEWEST_PLANES:
        raise ImageError(
            f"The stack has the shape {stack.shape}, expected at least {_FEWEST_PLANES} planes, (planes, rows, "
            'columns), to be a volume. Take specimen="planes" for two, or `identify` for one.'
        )
    if min(stack.shape[1:]) < _SMALLEST_SIDE:
        raise ImageError(
            f"The planes have {stack.shape[1]} x {stack.shape[2]} pixels, expected at least {_SMALLEST_SIDE} a side. "
            "Crop less."
        )
    return zernike


def prepare_volume(
    stack: NDArray[np.generic], family: ZernikeFamily, plane_spacing_um: float, noise: PoissonGaussianNoise | None
) -> Prepared:
    """Leave empty planes out, make the others equally bright, and estimate the noise where it is not known.

    Out-of-focus light is not lost to a wide-field image: its mean is the same at any focus, but for bleaching.

    Raises
    ------
    ImageError
        If a plane cannot be processed, with its number, or too few hold anything.
    NoiseError
        If the noise cannot be estimated.
    """
    full = np.array([number for number, plane in enumerate(stack) if np.ptp(np.nan_to_num(plane)) > 0], dtype=np.intp)
    notes = []
    if len(full) < len(stack):
        empty = sorted(set(range(len(stack))) - set(full.tolist()))
        notes.append(f"Planes {', '.join(map(str, empty))} are empty and were left out.")
    if len(full) < _FEWEST_PLANES:
        raise ImageError(
            f"{len(full)} of {len(stack)} planes hold anything, expected at least {_FEWEST_PLANES}. Check the stack."
        )
    planes = []
    for number in full:
        try:
            planes.append(check_image(stack[number], smallest=_SMALLEST_SIDE))
        except ImageError as error:
            raise ImageError(f"Z {number}: {error}") from error
    if noise is None:
        noise = _typical_noise(planes, family.microscope)
    found = np.stack(planes)
    light = np.maximum(found.mean((1, 2), dtype=np.float64) - noise.offset, 0.0)
    gain = np.ones(len(found))
    if light.min() > 0:
        gain = np.clip(np.median(light) / light, 1 / _STRONGEST_GAIN, _STRONGEST_GAIN)
        if light.max() > _CHANGE_THAT_IS_SAID * light.min():
            notes.append(
                f"The mean brightness of the planes changes by a factor of {light.max() / light.min():.2f}, as by "
                "bleaching; they were made equally bright for the identification."
            )
    offset = np.float32(noise.offset)
    even = (found - offset) * gain[:, None, None].astype(np.float32) + offset
    return Prepared(even, full, noise, (*notes, *_spacing_notes(family.microscope, plane_spacing_um, len(stack))))


def volume_notes(spectra: CrossSpectra) -> tuple[tuple[str, ...], bool]:
    """Return what the planes say of each other that the user should know, and whether they carry anything."""
    together = spectra.planes.real.mean(0).double().numpy()
    power = np.diag(together) - 1
    if power.mean() < _NOTHING:
        return (
            "The planes hold nothing but noise where the optics could be seen: no wavefront was found, and zero is "
            "given with the error bars of what was to be expected.",
        ), False
    differences = (np.diag(together)[:, None] + np.diag(together) - 2 * together) / 2
    if differences.max() < _ALIKE:
        return (
            "All planes are alike but for the noise, as in a time series: without a known change of focus the "
            "wavefront cannot be told. Is the axis z, and the spacing right?",
        ), True
    if len(together) > 3:
        scale = np.sqrt(np.maximum(power, 1e-9))
        coherence = together / scale[:, None] / scale
        if np.diag(coherence, 1).mean() < np.diag(coherence, 2).mean():
            return (
                "Neighbouring planes are less alike than those two apart: the planes seem to be in another order than "
                "that in which focus moves, and the wavefront is then wrong.",
            ), True
    return (), True


def axial_nyquist_um(microscope: Microscope) -> float:
    """Largest distance of planes without aliasing, lambda / (2 (n - sqrt(n^2 - NA^2))), in micrometres."""
    n, na = microscope.n_immersion, microscope.na
    return microscope.wavelength_um / (2 * (n - math.sqrt(max(n**2 - na**2, 0.0))))


def _spacing_notes(microscope: Microscope, spacing_um: float, planes: int) -> tuple[str, ...]:
    finest = axial_nyquist_um(microscope)
    if abs(spacing_um) > _COARSE * finest:
        return (
            f"The planes are {abs(spacing_um):.3g} um apart; Nyquist's distance for these optics is {finest:.3g} um. "
            "What lies between the planes is not seen.",
        )
    if abs(spacing_um) * (planes - 1) < finest:
        return (
            f"The stack is {abs(spacing_um) * (planes - 1):.3g} um deep, less than the depth of focus of about "
            f"{2 * finest:.3g} um: its planes hardly differ, and say little more than one of them.",
        )
    return ()


def _typical_noise(planes: list[NDArray[np.float32]], microscope: Microscope) -> PoissonGaussianNoise:
    """Noise of the first, the middle and the last plane, that of median variance."""
    found = [estimate_noise(planes[i], microscope) for i in (0, len(planes) // 2, len(planes) - 1)]
    level = float(np.mean([plane.mean() for plane in planes]))
    return sorted(found, key=lambda noise: float(noise.variance(level)))[1]
