"""A point spread function in an image file, from other programs or exported by this one, as a family of one blur."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import AssumptionWarning, FamilyFileError, ImageError
from napari_deepblur.io.acquisition import SQUARE
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.images import read_image
from napari_deepblur.operators import EigenPsfFamily

PSF_SUFFIXES = (".tif", ".tiff")
"""Files that may hold the picture of a PSF."""

_LARGEST_SIDE = 255
_NEGATIVE = 1e-3
"""Share of the peak that negative values may have: what centring and interpolation leave behind."""

_OFF_CENTRE = 0.1
"""Share of the side by which the centre of mass may miss the middle: a comet is not centred, a crop is."""

_NEGLIGIBLE, _HIGHEST = 0.005, 0.5
"""Shares of all light that a background must have to be one, and of the peak that it may have: a box has no margin."""

_BLOCKS, _EVEN = 16, 0.6
"""Parts of the margin, and by how much of its level their means may differ for a background. Of 720 PSFs of random
aberrations, the margin of none was so even: those of the wings differ by 0.84 and more."""


def load_psf(path: str | os.PathLike[str]) -> EigenPsfFamily:
    """Read the picture of a PSF as a family of which it is the only member, theta = (1,).

    Parameters
    ----------
    path
        A TIFF file of one plane. An even side gets a row or column of zeros at its end, as the middle of N pixels is
        pixel N / 2 in programs that work with Fourier transforms; the shorter side is filled up with zeros.

    Returns
    -------
    EigenPsfFamily
        With the PSF, of sum one, and the pixel size that the file states.

    Raises
    ------
    FamilyFileError
        If the file cannot be read, holds more than one plane, pixels that are not square, or no PSF: with a sum that is
        not positive, negative values, sides over 255 pixels, or light far from the middle.

    Warns
    -----
    AssumptionWarning
        If the picture had the even background of a camera, which was subtracted: taken for light, it would make the
        blur wider than it is.
    """
    name = Path(path).name
    psf, pixel_size_um, _ = opened(
        path, 2, "(rows, columns). Save the plane that is in focus, or one PSF of several, by itself."
    )
    if max(psf.shape) > _LARGEST_SIDE or min(psf.shape) < 3:
        raise FamilyFileError(
            f"{name} has {psf.shape[0]} x {psf.shape[1]} pixels, expected 3 to {_LARGEST_SIDE} a side. Crop the PSF "
            "around its middle."
        )
    values = np.asarray(psf, np.float64)
    peak = float(values.max())
    if not np.isfinite(values).all() or peak <= 0 or float(values.min()) < -_NEGATIVE * peak:
        raise FamilyFileError(
            f"{name} has values from {values.min():g} to {peak:g}, expected a PSF: finite, nowhere negative, somewhere "
            "positive. Is it an image of something else, or an optical transfer function?"
        )
    square = _square(_without_background(name, np.clip(values, 0, None)))
    side = len(square)
    place = np.arange(side) - side // 2
    rows, columns = (float((square.sum(axis) * place).sum() / square.sum()) for axis in (1, 0))
    off = math.hypot(rows, columns)
    if off > max(2.0, _OFF_CENTRE * side):
        raise FamilyFileError(
            f"The light in {name} is centred {off:.1f} pixels from the middle of its {side} x {side} pixels, which "
            "would shift the result. Crop it so that the PSF is in the middle, and subtract its background."
        )
    return EigenPsfFamily(square[None] / square.sum(), pixel_size_um=pixel_size_um)


def opened(
    path: str | os.PathLike[str], axes: int, expected: str
) -> tuple[NDArray[np.generic], float | None, float | None]:
    """Read a PSF of so many axes, the size of its pixels and the distance of its planes in micrometres, if it has them.

    What was `expected` is said to who gives another file, one without real numbers, or with pixels that are not square.
    """
    name = Path(path).name
    try:
        given, said = read_image(path), read_acquisition(path)
    except ImageError as error:
        raise FamilyFileError(str(error)) from error
    if given.ndim != axes or given.dtype.kind not in "uif":
        raise FamilyFileError(
            f"{name} holds an array of shape {given.shape} and type {given.dtype}, expected one PSF of shape {expected}"
        )
    sides = said.pixel_size_um
    if sides is not None and not math.isclose(*sides, rel_tol=SQUARE):
        raise FamilyFileError(
            f"{name} says that its pixels are not square ({sides[0]:.4g} x {sides[1]:.4g} um). Resample the PSF to "
            "square pixels, those of the images that it is for."
        )
    return given, None if sides is None else sides[1], said.plane_spacing_um


def _without_background(name: str, psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the even background of a camera, and what is no more than its noise; a PSF's own wings are not even."""
    margin = ring(psf)
    blocks = np.array([part.mean() for part in np.array_split(margin, _BLOCKS)])
    level = float(np.median(margin))
    uneven = float(blocks.max() - blocks.min()) > _EVEN * level
    if uneven or level > _HIGHEST * psf.max() or level * psf.size < _NEGLIGIBLE * psf.sum():
        return psf
    noise = 1.4826 * float(np.median(np.abs(margin - level)))
    warnings.warn(
        f"{name} has an even background of {level:.4g} at its margin, {100 * level * psf.size / psf.sum():.0f} % of "
        "its light, which a camera adds and a PSF has not. It was subtracted.",
        AssumptionWarning,
        stacklevel=3,
    )
    left = psf - level
    return np.where(left > 3 * noise, left, 0.0)


def ring(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pixels of the margin, two wide where there is room, in their order around the picture."""
    width = 2 if min(psf.shape) > 8 else 1
    top, bottom, sides = psf[:width], psf[-width:], psf[width:-width]
    parts = (top.T, sides[:, -width:], bottom.T[::-1], sides[::-1, :width])
    return np.concatenate([part.ravel() for part in parts])


def _square(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill up with zeros to an odd square, so that pixel N // 2 of each side becomes the middle."""
    side = max(n + 1 - n % 2 for n in psf.shape)
    before = [side // 2 - n // 2 for n in psf.shape]
    return np.pad(psf, [(b, side - n - b) for b, n in zip(before, psf.shape, strict=True)])
