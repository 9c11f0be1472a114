"""Hot, stuck and dead pixels of a camera in a stack of beads: they would pass for beads, and become the PSF."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import NoiseError
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.noise.filling import fill
from napari_deepblur.noise.lattice import lattice_step
from napari_deepblur.noise.outliers import isolated_pixels
from napari_deepblur.optics import Microscope

_STUCK = 0.5
"""Share of the planes in which a pixel stands out, from which on it is stuck. Beads go out of focus."""

_NOISE_SHARE = 1e-2


def without_outliers(
    stack: NDArray[np.generic], microscope: Microscope | None
) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """Fill in the pixels of each plane that are sharper than the optics allow.

    Parameters
    ----------
    stack
        Shape (planes, rows, columns).
    microscope
        The optics; without it fc = 0.35 is assumed, coarser than cameras of microscopes mostly are.

    Returns
    -------
    tuple
        The stack, a copy only where something was filled in, of the same type; and the rows and columns of the pixels
        that are stuck, shape (n, 2).
    """
    cutoff = None if microscope is None else microscope.cutoff
    often = np.zeros(stack.shape[1:], np.intp)
    cleaned = stack
    for index, plane in enumerate(stack):
        values = plane.astype(np.float64)
        step = lattice_step(plane)
        outliers = np.asarray(isolated_pixels(values, cutoff, _noise(values, microscope), step)[:, :])
        if not outliers.any():
            continue
        often += outliers
        if cleaned is stack:
            cleaned = np.array(stack)
        filled = fill(values, outliers, np.zeros_like(outliers), cutoff, _NOISE_SHARE)[outliers]
        cleaned[index][outliers] = np.rint(filled) if stack.dtype.kind in "ui" else filled
    return cleaned, np.argwhere(often > _STUCK * len(stack)).astype(np.float64)


def _noise(values: NDArray[np.float64], microscope: Microscope | None) -> PoissonGaussianNoise:
    try:
        return estimate_noise(values, microscope)
    except NoiseError:
        # Too small for an estimate, or constant: the spread of differences between neighbours is nearly as good.
        return PoissonGaussianNoise(0.0, 1.05 * float(np.median(np.abs(np.diff(values, axis=-1)))))
