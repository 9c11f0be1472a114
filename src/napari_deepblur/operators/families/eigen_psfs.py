"""A basis of measured PSFs: checks, and the coordinates of a PSF in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.as_numbers import as_numbers
from napari_deepblur.operators.families.facts import WIDEST_PSF


def check_eigen_psfs(eigen_psfs: ArrayLike) -> NDArray[np.float32]:
    """Return eigen-PSFs (I, k, k), or raise a `FamilyError`: k odd, finite, linearly independent."""
    values = as_numbers(eigen_psfs, "eigen_psfs", np.float32, "numbers (I, k, k)")
    shape = values.shape
    if values.ndim != 3 or not shape[0] or shape[1] != shape[2] or shape[1] % 2 == 0 or shape[1] > WIDEST_PSF:
        raise FamilyError(f"eigen_psfs have shape {shape}, expected (I, k, k) with k odd and at most {WIDEST_PSF}.")
    if not np.isfinite(values).all():
        raise FamilyError("eigen_psfs hold values that are not finite.")
    if np.linalg.matrix_rank(values.reshape(len(values), -1)) < len(values):
        raise FamilyError(f"The {len(values)} eigen_psfs are not linearly independent: one of them says nothing new.")
    return values


def coordinates(eigen_psfs: NDArray[np.float32], psfs: ArrayLike) -> NDArray[np.float64]:
    """Coordinates c of PSFs (P, k, k) in the basis, argmin |h_p - sum_i c_pi e_i|^2; shape (P, I).

    Raises
    ------
    FamilyError
        If the PSFs have another size or are not finite.
    """
    values = as_numbers(psfs, "psfs", np.float64, "numbers (P, k, k)")
    if values.ndim != 3 or not len(values) or values.shape[1:] != eigen_psfs.shape[1:]:
        raise FamilyError(f"psfs have shape {values.shape}, expected (P, *{eigen_psfs.shape[1:]}) as the eigen-PSFs.")
    if not np.isfinite(values).all():
        raise FamilyError("psfs hold values that are not finite.")
    basis = eigen_psfs.reshape(len(eigen_psfs), -1).astype(np.float64)
    found = np.linalg.lstsq(basis.T, values.reshape(len(values), -1).T, rcond=None)[0]
    return np.asarray(found.T)


def check_weights(weights: ArrayLike | None, count: int) -> NDArray[np.float64]:
    """Return weights (P,) of observations, one each where none are given, or raise a `FamilyError`."""
    values = np.ones(count) if weights is None else as_numbers(weights, "weights", np.float64, "(P,) numbers")
    if values.shape != (count,) or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise FamilyError(f"weights have shape {values.shape}, expected ({count},) numbers from 0, some positive.")
    return values
