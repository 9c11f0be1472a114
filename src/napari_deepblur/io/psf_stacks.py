"""A measured three-dimensional point spread function in an image file: made ready for volumes, and written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from napari_deepblur.errors import FamilyFileError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.psf_files import opened, ring

Array = NDArray[np.float64]

_LARGEST_SIDE, _MOST_PLANES, _FEWEST_PLANES, _SMALLEST_SIDE = 255, 511, 3, 7
_NEGATIVE = 0.2
"""Share of the peak that negative values may have: a background that was subtracted leaves its noise."""

_MIDDLE, _OTHER, _WIDE = 0.25, 0.5, 0.25
"""Shares: of the side by which the focus may miss the middle; of the peak that light beyond a quarter of the side from
it may reach, before it is another bead; and of the pixels in focus that may be brighter than half the peak."""

_STANDS_OUT = 2.0
"""Standard deviations of the mean of nine pixels by which light has to stand out of the background's noise."""


class PsfStack(NamedTuple):
    """A measured PSF.

    Attributes
    ----------
    planes
        Without background, nowhere negative, shape (P, k, k), k odd; the middle pixel is the middle of the focus.
    focus
        Plane in focus.
    pixel_size_um, plane_spacing_um
        As the file says; None where it does not.
    notes
        What was done, in sentences.
    """

    planes: Array
    focus: int
    pixel_size_um: float | None
    plane_spacing_um: float | None
    notes: tuple[str, ...]


def load_psf_stack(path: str | os.PathLike[str]) -> PsfStack:
    """Read a PSF of several planes, and remove its background.

    Parameters
    ----------
    path
        A TIFF file, planes first. The focus is its brightest plane, and the middle of the light there becomes the
        middle pixel.

    Raises
    ------
    FamilyFileError
        If the file cannot be read, or holds what is no PSF: not three axes, not finite, dark, not through focus,
        centred elsewhere, with several peaks, or wider than its picture.
    """
    name = Path(path).name
    given, pixel_size_um, plane_spacing_um = opened(
        path,
        3,
        "(planes, rows, columns). A volume needs a PSF of several planes; one of one plane is for single images.",
    )
    depth, *sides = given.shape
    if not _FEWEST_PLANES <= depth <= _MOST_PLANES or not _SMALLEST_SIDE <= min(sides) <= max(sides) <= _LARGEST_SIDE:
        raise FamilyFileError(
            f"{name} has {depth} planes of {sides[0]} x {sides[1]} pixels, expected {_FEWEST_PLANES} to {_MOST_PLANES} "
            f"planes of {_SMALLEST_SIDE} to {_LARGEST_SIDE} pixels a side. Crop the PSF around its middle."
        )
    values = np.asarray(given, np.float64)
    if not np.isfinite(values).all() or values.max() <= values.min():
        raise FamilyFileError(f"{name} has values from {values.min():g} to {values.max():g}, expected a finite PSF.")
    focus = int(uniform_filter(values, (1, 3, 3)).max(axis=(1, 2)).argmax())
    light, notes = _without_background(name, values, focus)
    _check_focus(name, light, focus)
    return PsfStack(_centred(name, light, focus), focus, pixel_size_um, plane_spacing_um, notes)


def save_psf_stack(
    planes: NDArray[np.float32], path: str | os.PathLike[str], pixel_size_um: float, plane_spacing_um: float
) -> None:
    """Write a PSF of several planes, which `load_psf_stack` reads.

    Parameters
    ----------
    planes
        Shape (P, k, k).
    path
        The TIFF file; an existing one is replaced in one step.
    pixel_size_um, plane_spacing_um
        Distances, that of the planes signed. A file has no sign of it: its planes are in the order in which light
        passes them.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is unharmed.
    """
    ordered = planes if plane_spacing_um > 0 else planes[::-1]
    taken = Acquisition(plane_spacing_um=abs(plane_spacing_um))
    write_tiff(path, ordered.copy(), pixel_size_um=pixel_size_um, axes="ZYX", acquisition=taken)


def _without_background(name: str, values: Array, focus: int) -> tuple[Array, tuple[str, ...]]:
    """Subtract the level of the rim in focus, and set to zero what does not stand out of its noise."""
    rim = np.concatenate([ring(plane) for plane in values[max(focus - 1, 0) : focus + 2]])
    level = float(np.median(rim))
    noise = 1.4826 * float(np.median(np.abs(rim - level)))
    light = values - level
    peak = float(light.max())
    if light.min() < -_NEGATIVE * peak and values.min() < 0:
        raise FamilyFileError(
            f"{name} has values from {values.min():g} to {values.max():g}, expected a PSF, which is nowhere negative. "
            "Is it an image of something else, or an optical transfer function?"
        )
    surroundings = uniform_filter(light, (1, 3, 3), mode="nearest")
    light = np.where(surroundings > _STANDS_OUT * noise / 3, np.maximum(light, 0.0), 0.0)
    if level > 1e-3 * peak:
        return light, (f"A background of {level:.4g}, {level / peak:.1%} of the PSF's peak, was subtracted.",)
    return light, ()


def _check_focus(name: str, light: Array, focus: int) -> None:
    if focus in (0, len(light) - 1):
        raise FamilyFileError(
            f"{name} is brightest in its {'first' if focus == 0 else 'last'} plane: it does not go through focus, and "
            "a PSF gets darker on both sides of it. Is it a stack over time, or cut off?"
        )
    plane = uniform_filter(light[focus], 3, mode="nearest")
    peak = float(plane.max())
    place = np.unravel_index(int(plane.argmax()), plane.shape)
    rows, columns = np.ogrid[: plane.shape[0], : plane.shape[1]]
    distance = np.hypot(rows - place[0], columns - place[1])
    share = float((plane > peak / 2).mean())
    if share > _WIDE:
        raise FamilyFileError(
            f"In focus {share:.0%} of {name} are brighter than half its peak: the PSF is wider than its picture, or it "
            "is an image of something else. Cut it out with more around it."
        )
    beyond = plane[distance > min(plane.shape) / 4]
    if beyond.size and float(beyond.max()) > _OTHER * peak:
        raise FamilyFileError(
            f"{name} has more than one bright spot in focus (the second with {beyond.max() / peak:.0%} of the first): "
            "a PSF is of one point. Cut one bead out, or let `napari-deepblur calibrate --pupil` join several."
        )


def _centred(name: str, light: Array, focus: int) -> Array:
    """Crop or fill up with zeros to an odd square around the middle of the bright part in focus."""
    plane = np.where(light[focus] > 0.2 * light[focus].max(), light[focus], 0.0)
    middle = [float((np.arange(n) * plane.sum(1 - axis)).sum() / plane.sum()) for axis, n in enumerate(plane.shape)]
    off = np.hypot(*(m - (n - 1) / 2 for m, n in zip(middle, plane.shape, strict=True)))
    if off > max(2.0, _MIDDLE * min(plane.shape)):
        raise FamilyFileError(
            f"The light in focus of {name} is {off:.1f} pixels from the middle of its {plane.shape[0]} x "
            f"{plane.shape[1]} pixels. Crop it so that the PSF is in the middle."
        )
    centre = [round(m) for m in middle]
    half = max(max(m, n - 1 - m) for m, n in zip(centre, plane.shape, strict=True))
    pads = [(half - m, half - (n - 1 - m)) for m, n in zip(centre, plane.shape, strict=True)]
    return np.pad(light, [(0, 0), *pads])
