"""PSFs anywhere in the field from those that were seen in windows of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from napari_deepblur.identification.local_views import Window
from napari_deepblur.identification.results import Identification

_VARIATION, _VARIATION_INSIDE = 0.1, 0.03
"""Relative squared differences between local PSFs and their average over the image, and over a window: by how much a
PSF that is right on average is wrong at a place. Of draws of `FieldZernikeFamily` of degree 1, roughly."""


class LocalPsfs(NamedTuple):
    """PSFs at places of the field.

    Attributes
    ----------
    psfs
        Shape (P, k, k).
    spread
        Their expected relative squared errors, shape (P,).
    """

    psfs: NDArray[np.float32]
    spread: NDArray[np.float32]


def interpolated(
    windows: list[Window], local: list[Identification], whole: Identification, points: NDArray[np.float64]
) -> LocalPsfs:
    """Interpolate the PSFs of windows, each held back by the PSF of the whole image.

    A window has less evidence than the whole image, which in turn sees an average over the field. Each PSF of a window
    is averaged with that of the image, weighted by one over their expected errors: where there is no noise the windows
    decide, and in noise what they have in common. Between the middles of windows PSFs are interpolated linearly, and
    beyond them they stay as they are.

    Parameters
    ----------
    windows
        On a grid, as `partition` makes them.
    local, whole
        What was identified in each window, and in the image as a whole.
    points
        Places (row, column) in pixels of the field, shape (P, 2).

    Returns
    -------
    LocalPsfs
        At these places. The errors of window and image are taken as not independent of each other: their harmonic mean
        stays, rather than half of it.
    """
    middles = np.array([window.middle for window in windows])
    rows, columns = (np.unique(middles[:, axis]) for axis in (0, 1))
    weight = 1 / (float(whole.psf_spread[0]) + _VARIATION)
    own = np.array([1 / (float(found.psf_spread[0]) + _VARIATION_INSIDE) for found in local])
    seen = np.stack([found.psf for found in local])
    held = (own[:, None, None] * seen + weight * whole.psf) / (own + weight)[:, None, None]
    values = np.concatenate([held.reshape(len(held), -1), 2 / (own + weight)[:, None]], axis=1)
    grid = values.reshape(len(rows), len(columns), -1)
    # One window alone on an axis stands for all of it.
    axes = [np.array([a[0] - 1, a[0]]) if len(a) == 1 else a for a in (rows, columns)]
    grid = np.repeat(grid, 2, axis=0) if len(rows) == 1 else grid
    grid = np.repeat(grid, 2, axis=1) if len(columns) == 1 else grid
    inside = np.clip(points, [a[0] for a in axes], [a[-1] for a in axes])
    found = RegularGridInterpolator(axes, grid)(inside).astype(np.float32)
    side = whole.psf.shape[-1]
    return LocalPsfs(found[:, :-1].reshape(-1, side, side), found[:, -1])
