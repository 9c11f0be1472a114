"""The PSF of a volume where it is known: a measured one, or that of a pupil, from a file or from Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import FamilyError, SettingsError
from napari_deepblur.io.psf_files import PSF_SUFFIXES
from napari_deepblur.io.psf_stacks import load_psf_stack
from napari_deepblur.io.pupil_files import is_pupil_file, load_pupil
from napari_deepblur.optics import KnownPupil, resampled_planes, resampled_psfs
from napari_deepblur.pipeline.settings import DeblurSettings

_SAME = 0.01
"""Relative difference of distances below which they are the same."""

_MOST_FACTOR = 5.0
"""Ratio of distances from which on one of them is taken to be wrong."""

_WIDEST = 255


class MeasuredPlanes(NamedTuple):
    """A measured PSF at the sampling of a stack.

    Attributes
    ----------
    planes
        Shape (P, k, l), all odd, the focus in the middle.
    pixel_um
        Pixel size of the stack, as far as anybody knows it.
    notes
        What was done, and what is doubtful, in sentences.
    """

    planes: NDArray[np.float32]
    pixel_um: float
    notes: tuple[str, ...]


def known_psf(
    settings: DeblurSettings, psf: ArrayLike | KnownPupil | None, spacing_um: float | None, shape: Sequence[int]
) -> MeasuredPlanes | KnownPupil | None:
    """Find out whether the PSF of a volume is known, beside the coefficients that settings may have.

    Parameters
    ----------
    settings
        Whose blur may be the file of a measured PSF or of a pupil.
    psf
        A PSF at the spacings of the stack, or a pupil; counts more than the settings.
    spacing_um
        Distance of the planes of the stack, signed, or None where nobody knows it.
    shape
        Planes, rows and columns of the stack.

    Returns
    -------
    MeasuredPlanes or KnownPupil or None
        None where the blur is identified, or its coefficients are known.

    Raises
    ------
    FamilyError, FamilyFileError, SettingsError
        If it cannot be used for this stack.
    """
    pixel_um = settings.stated_pixel_size_um
    if psf is None:
        path = settings.family_file
        if path is None:
            return None
        if is_pupil_file(path):
            psf = load_pupil(path)
        elif path.suffix.lower() in PSF_SUFFIXES:
            return _from_file(path, settings, spacing_um, shape)
        else:
            return None
    if isinstance(psf, KnownPupil):
        # A pupil knows nothing of pixels: those of the stack count.
        own = psf.microscope
        return psf if pixel_um is None else replace(psf, microscope=replace(own, pixel_size_um=pixel_um))
    return MeasuredPlanes(_checked(psf), pixel_um or settings.optics.pixel_size_um, ())


def _from_file(path: Path, settings: DeblurSettings, spacing_um: float | None, shape: Sequence[int]) -> MeasuredPlanes:
    read = load_psf_stack(path)
    planes, notes = read.planes, list(read.notes)
    stated = settings.stated_pixel_size_um
    pixel = stated or read.pixel_size_um or settings.optics.pixel_size_um
    lateral = _factor(path.name, "pixels", read.pixel_size_um, stated, notes)
    if lateral != 1:
        planes = np.maximum(resampled_psfs(planes, lateral, _WIDEST), 0.0)
    distance = None if spacing_um is None else abs(spacing_um)
    along = 1 / _factor(path.name, "planes", read.plane_spacing_um, distance, notes)
    # A stack that was taken the other way sees the PSF from the other side.
    turned = -along if spacing_um is not None and spacing_um < 0 else along
    made = np.maximum(resampled_planes(planes, read.focus, turned, 2 * shape[0]), 0.0)
    below, above = read.focus, len(planes) - 1 - read.focus
    if min(below, above) * along**-1 < shape[0] - 1:
        notes.append(
            f"The PSF was measured {below} planes before and {above} after its focus, and the stack has {shape[0]}: "
            "light from further out of focus counts as nothing."
        )
    return MeasuredPlanes(made.astype(np.float32), pixel, tuple(notes))


def _factor(name: str, what: str, own_um: float | None, stack_um: float | None, notes: list[str]) -> float:
    """Distance in the PSF's file over that in the stack; 1 where they are the same, or where one is unknown."""
    if own_um is None or stack_um is None:
        notes.append(f"{name} or the stack does not say how far its {what} are apart: taken to be the same in both.")
        return 1.0
    factor = own_um / stack_um
    if not 1 / _MOST_FACTOR < factor < _MOST_FACTOR:
        raise SettingsError(
            f"The {what} of {name} are {own_um:.4g} um apart, and those of the stack {stack_um:.4g} um: that is no PSF "
            "of this microscope. Correct the file or the stack's pixel size and plane spacing, or measure it anew."
        )
    if math.isclose(factor, 1, rel_tol=_SAME):
        return 1.0
    notes.append(f"The PSF was resampled: its {what} are {own_um:.4g} um apart, those of the stack {stack_um:.4g} um.")
    return factor


def _checked(psf: ArrayLike) -> NDArray[np.float32]:
    values = np.asarray(psf, dtype=np.float32)
    if values.ndim != 3 or any(side % 2 == 0 for side in values.shape) or not np.isfinite(values).all():
        raise FamilyError(
            f"The PSF has the shape {values.shape}, expected finite values, (planes, rows, columns), odd."
        )
    return values
