"""A point spread function in an image file, from other programs or exported by this one, as a family of one blur."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyFileError, ImageError
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
        If the file cannot be read, holds more than one plane, or no PSF: with a sum that is not positive, negative
        values, sides over 255 pixels, or light far from the middle.
    """
    name = Path(path).name
    try:
        psf = read_image(path)
    except ImageError as error:
        raise FamilyFileError(str(error)) from error
    if psf.ndim != 2 or psf.dtype.kind not in "uif":
        raise FamilyFileError(
            f"{name} holds an array of shape {psf.shape} and type {psf.dtype}, expected one PSF of shape (rows, "
            "columns). Save the plane that is in focus, or one PSF of several, by itself."
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
    square = _square(np.clip(values, 0, None))
    side = len(square)
    place = np.arange(side) - side // 2
    rows, columns = (float((square.sum(axis) * place).sum() / square.sum()) for axis in (1, 0))
    off = math.hypot(rows, columns)
    if off > max(2.0, _OFF_CENTRE * side):
        raise FamilyFileError(
            f"The light in {name} is centred {off:.1f} pixels from the middle of its {side} x {side} pixels, which "
            "would shift the result. Crop it so that the PSF is in the middle, and subtract its background."
        )
    size = read_acquisition(path).pixel_size_um
    return EigenPsfFamily(square[None] / square.sum(), pixel_size_um=None if size is None else size[1])


def _square(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill up with zeros to an odd square, so that pixel N // 2 of each side becomes the middle."""
    side = max(n + 1 - n % 2 for n in psf.shape)
    before = [side // 2 - n // 2 for n in psf.shape]
    return np.pad(psf, [(b, side - n - b) for b, n in zip(before, psf.shape, strict=True)])
