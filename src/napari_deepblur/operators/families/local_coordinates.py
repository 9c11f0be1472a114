"""Coordinates of the local PSFs of a measured family, scaled to the variance that they have in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.operators.families.measured import MeasuredFamily

_DRAWS, _PLACES = 2000, 5
_LEFT_OUT = 1e-3
_MOST = 24


class LocalCoordinates(NamedTuple):
    """PSF coordinates c = centre + sum_k u_k axes_k, where u has mean 0 and variance 1 over the family and its field.

    Attributes
    ----------
    centre
        Mean coordinates in the eigen-PSFs, shape (I,).
    axes
        Principal axes of the PSFs, by falling variance, shape (R, I).
    scales
        Standard deviation of the PSFs along each axis, as a norm |h|, shape (R,).
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    scales: NDArray[np.float64]

    def of(self, coordinates: NDArray[np.floating], gram: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return u (..., R) of eigen-PSF coordinates c (..., I); `gram` (I, I) holds the products <e_i, e_j>."""
        return np.asarray((coordinates - self.centre) @ gram @ self.axes.T / self.scales**2)


def gram_matrix(family: MeasuredFamily) -> NDArray[np.float64]:
    """Products <e_i, e_j> of the eigen-PSFs, shape (I, I)."""
    flat = family.eigen_psfs.reshape(len(family.eigen_psfs), -1).astype(np.float64)
    return np.asarray(flat @ flat.T)


def local_weights(
    family: MeasuredFamily, theta: NDArray[np.floating], points: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Eigen-PSF coordinates c (N, P, I) of thetas (N, K) at points (P, 2)."""
    maps = family.maps_at(points)
    weights = np.reshape(theta, (len(theta), len(family.eigen_psfs), -1))
    return np.asarray(np.einsum("nij,pj->npi", weights, maps, optimize=True))


def local_coordinates(family: MeasuredFamily, seed: int = 0) -> LocalCoordinates:
    """Principal axes of the local PSFs of a family, from draws of theta at an even grid of places.

    Parameters
    ----------
    family
        With observed parameters.
    seed
        Of the draws.

    Returns
    -------
    LocalCoordinates
        The fewest axes, at most 24, that leave out at most a thousandth of the PSFs' energy.

    Raises
    ------
    FamilyError
        If the family has no observed parameters.
    """
    rows, columns = (np.linspace(0, side - 1, _PLACES) for side in family.field_shape or (1, 1))
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    c = local_weights(family, family.sample(_DRAWS, seed), places).reshape(-1, len(family.eigen_psfs))
    centre = c.mean(axis=0)
    # In an orthonormal basis of the eigen-PSFs' span, distances of coordinates are distances of PSFs.
    root = np.linalg.cholesky(gram_matrix(family))
    _, values, right = np.linalg.svd((c - centre) @ root, full_matrices=False)
    variances = values**2 / len(c)
    energy = np.square(c @ root).sum() / len(c)
    left_out = 1 - np.cumsum(variances) / variances.sum()
    count = int(np.searchsorted(-left_out * variances.sum(), -_LEFT_OUT * energy)) + 1
    count = min(count, _MOST, int((variances > 1e-9 * energy).sum()) or 1)
    scales = np.sqrt(np.maximum(variances[:count], 1e-12 * energy))
    axes = np.linalg.solve(root.T, (scales[:, None] * right[:count]).T).T
    return LocalCoordinates(centre, axes, scales)
