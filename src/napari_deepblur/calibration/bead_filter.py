"""The filter that takes a bead's image to that of a point: no frequencies that the optics cannot pass, no ball."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.optics import Microscope

Array = NDArray[np.float64]

_REGULARISATION = 1e-2
_EDGE = 0.05
"""Width of the low pass's edge beyond 2 fc, in cycles per pixel."""


def bead_filter(shape: tuple[int, int], microscope: Microscope, diameter_um: float | None) -> Array:
    """Low pass at 2 fc, and regularised division by the bead's transfer function T: 1.01 T / (T^2 + 0.01).

    The division restores what the ball blurs while T is above about 0.1, and leaves out what lies near and beyond the
    zeros of T: beads should be no larger than the resolution.

    Parameters
    ----------
    shape
        Rows and columns of the image.
    microscope
        Gives the band limit and the pixel size.
    diameter_um
        Diameter of the bead; none for a point.

    Returns
    -------
    ndarray
        Real, 1 at the frequency zero, at the frequencies of ``numpy.fft.rfft2``.
    """
    low_pass = np.clip(1 + (2 * microscope.cutoff - _frequency(shape)) / _EDGE, 0, 1)
    if diameter_um is None:
        return np.asarray(low_pass)
    ball = ball_transfer(shape, diameter_um / microscope.pixel_size_um)
    return np.asarray(low_pass * ball * (1 + _REGULARISATION) / (ball**2 + _REGULARISATION))


def ball_transfer(shape: tuple[int, int], diameter: float) -> Array:
    """Transfer function of a uniformly bright ball seen from above, T(f) = 3 (sin q - q cos q) / q^3, q = pi d f.

    Parameters
    ----------
    shape
        Rows and columns of the image.
    diameter
        Diameter d in pixels.

    Returns
    -------
    ndarray
        Real, 1 at the frequency zero, at the frequencies of ``numpy.fft.rfft2``.
    """
    q = np.pi * diameter * _frequency(shape)
    safe = np.maximum(q, 1e-2)
    return np.asarray(np.where(q < 1e-2, 1 - q**2 / 10, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3))


def _frequency(shape: tuple[int, int]) -> Array:
    return np.asarray(np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]))
