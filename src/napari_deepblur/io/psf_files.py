"""A point spread function in an image file, from other programs or exported by this one, as a family of one blur."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, fourier_shift, label

from napari_deepblur.errors import AssumptionWarning, FamilyFileError, ImageError
from napari_deepblur.io.acquisition import SQUARE
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.axes import AXES
from napari_deepblur.io.family_places import PSF_SUFFIXES as PSF_SUFFIXES
from napari_deepblur.io.stacks import read_stack
from napari_deepblur.noise.lattice import lattice_step
from napari_deepblur.operators import EigenPsfFamily

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

_SPECKS = 3
"""Connected pixels from which on what stands out of the background of a camera is more than its noise."""

_DISPLACED, _BETWEEN = 1.0, 0.2
"""Distance of all light and of its bright part, in the same direction, from the middle that few aberrations make; and
how far from half a pixel it may lie for the middle of an even side to be meant between its pixels."""

_SATURATED, _DROP, _FLANKS = 5, 4, 0.2
"""Pixels of the largest value from which on a bead was too bright; by how many steps of the digits those beside them
are darker where the peak was cut off, and not merely rounded; and the least light beside them: a disc has none."""


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
        not positive, negative values, sides over 255 pixels, darker in its middle than around, or light far from it.

    Warns
    -----
    AssumptionWarning
        If the picture had the even background of a camera, which was subtracted: taken for light, it would make the
        blur wider than it is. If its light is displaced, or its peak cut off.
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
    _check_peak(name, values, psf.dtype)
    square = _square(_without_background(name, np.clip(values, 0, None)))
    square = _between_pixels(name, square, psf.shape)
    side = len(square)
    off = float(np.hypot(*_middle(square)))
    if off > max(2.0, _OFF_CENTRE * side):
        raise FamilyFileError(
            f"The light in {name} is centred {off:.1f} pixels from the middle of its {side} x {side} pixels, which "
            "would shift the result. Crop it so that the PSF is in the middle, and subtract its background."
        )
    _check_displacement(name, square)
    return EigenPsfFamily(square[None] / square.sum(), pixel_size_um=pixel_size_um)


def opened(
    path: str | os.PathLike[str], axes: int, expected: str
) -> tuple[NDArray[np.generic], float | None, float | None]:
    """Read a PSF of so many axes, the size of its pixels and the distance of its planes in micrometres, if it has them.

    What was `expected` is said to who gives another file, one without real numbers, or with pixels that are not square.
    """
    name = Path(path).name
    try:
        (given, letters), said = read_stack(path), read_acquisition(path)
    except ImageError as error:
        raise FamilyFileError(str(error)) from error
    other = [AXES[letter] for letter in letters if letter in "CTPS"]
    if axes == 3 and other:
        raise FamilyFileError(
            f"{name} has an axis of {' and '.join(other)} (axes {letters}, shape {given.shape}), which would be taken "
            f"for planes: expected one PSF of shape {expected} Save the planes by themselves."
        )
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
    rows, columns = (slice(n // 2 - 1, n // 2 + 2) for n in psf.shape)
    if level > _HIGHEST * psf.max() and psf[rows, columns].mean() < 0.9 * level:
        raise FamilyFileError(
            f"{name} is darker in its middle than at its margin ({level:.4g}), expected a bright point. Is "
            "it a negative?"
        )
    uneven = float(blocks.max() - blocks.min()) > _EVEN * level
    if uneven or level > _HIGHEST * psf.max() or level * psf.size < _NEGLIGIBLE * psf.sum():
        return psf
    background = _plane(psf)
    noise = 1.4826 * float(np.median(np.abs(margin - ring(background))))
    warnings.warn(
        f"{name} has an even background of {level:.4g} at its margin, {100 * level * psf.size / psf.sum():.0f} % of "
        "its light, which a camera adds and a PSF has not. It was subtracted.",
        AssumptionWarning,
        stacklevel=3,
    )
    left = psf - background
    bright = left > 3 * noise
    regions, _ = label(bright, np.ones((3, 3)))
    large = np.bincount(regions.ravel()) >= _SPECKS
    return np.asarray(np.where(bright & (large[regions] | (noise == 0)), left, 0.0))


def _plane(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit a plane to the margin: light from elsewhere falls on one side more than on the other."""
    rows, columns = np.indices(psf.shape, float)
    design = np.stack([np.ones_like(rows), rows, columns])
    known = np.stack([ring(part) for part in design], axis=1)
    found, *_ = np.linalg.lstsq(known, ring(psf), rcond=None)
    return np.tensordot(found, design, 1)


def _check_peak(name: str, values: NDArray[np.float64], dtype: np.dtype[Any]) -> None:
    """Warn of a peak that the camera cut off."""
    top = values == values.max()
    count, peak = int(top.sum()), float(values.max())
    if dtype.kind not in "ui" or not _SATURATED <= count < values.size:
        return
    beside = values[binary_dilation(top) & ~top]
    cut = float(peak - beside.mean()) > _DROP * lattice_step(values) and values[~top].sum() > _FLANKS * values.sum()
    full = float(np.log2(peak + 1)).is_integer() and peak >= 255
    if full or (cut and label(top, np.ones((3, 3)))[1] == 1):
        warnings.warn(
            f"{count} pixels of {name} have the largest value, {peak:.0f}: the bead was too bright for the "
            "camera, and its peak is cut off. Take one with less light.",
            AssumptionWarning,
            stacklevel=3,
        )


def _middle(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row and column of the middle of the light, from the middle pixel."""
    place = np.arange(len(psf)) - len(psf) // 2
    return np.asarray([(psf.sum(axis) * place).sum() for axis in (1, 0)] / psf.sum())


def _bright(psf: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(psf >= psf.max() / 2, psf, 0.0)


def _between_pixels(name: str, square: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Move a PSF of even sides by half a pixel where its middle was meant between the pixels."""
    half = np.array([-0.5 if n % 2 == 0 else 0.0 for n in shape])
    meant = [np.abs(found - half).max() < _BETWEEN for found in (_middle(square), _middle(_bright(square)))]
    if not half.any() or not all(meant):
        return square
    warnings.warn(
        f"The middle of {name} lies between the pixels of its even sides. It was moved by half a pixel, so that "
        "results are not displaced.",
        AssumptionWarning,
        stacklevel=3,
    )
    moved = np.fft.ifft2(fourier_shift(np.fft.fft2(square), -half)).real
    return np.asarray(np.clip(moved, 0, None))


def _check_displacement(name: str, square: NDArray[np.float64]) -> None:
    """Warn where all of the light lies to one side, which aberrations hardly do."""
    whole, bright = _middle(square), _middle(_bright(square))
    same_way = float(whole @ bright) > 0.7 * float(np.hypot(*whole) * np.hypot(*bright))
    off = min(float(np.hypot(*whole)), float(np.hypot(*bright)))
    if same_way and off > _DISPLACED:
        warnings.warn(
            f"The light in {name} is {off:.1f} pixels from the middle: results will be displaced against the image by "
            "as much. Crop it so that its middle is that of the picture, if the aberrations are not so strong.",
            AssumptionWarning,
            stacklevel=3,
        )


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
