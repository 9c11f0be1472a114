"""Smoothing thin-plate splines over the field of view.

    min_f  1/2 sum_z (f(z) - c(z))^2 + mu int |D^2 f|^2,    f(z) = sum_i w_i phi(|z - z_i|) + a + b . z,

phi(r) = r^2 log r, with coordinates in [0, 1]^2. Many functions over the same points are fitted at once, each with its
own mu, chosen by leaving out one point at a time. With K the matrix of phi, T = (1, z), and Q a basis of the complement
of the range of T, the residual of a fit is mu Q (Q'K Q + mu I)^-1 Q'c; one eigendecomposition of Q'K Q serves every mu
and function, and the residual at a left-out point is that of the whole fit over one less its leverage.

Source: G. Wahba, Spline Models for Observational Data, SIAM (1990).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST_POINTS = 6
"""A plane needs three points; with as many again its errors can be told from its values."""

_SMOOTHNESS = np.logspace(-7, 3, 41)
"""Values of mu that are tried; at the last one the spline is a plane."""


class Spline(NamedTuple):
    """Fitted functions.

    Attributes
    ----------
    points
        Where they were fitted, in [0, 1]^2, shape (n, 2).
    weights
        Of phi around these points, shape (n, F).
    plane
        a and b of the polynomial part, shape (3, F).
    smoothness
        The mu of each function, shape (F,).
    left_out
        Root mean square residual at points that were left out, shape (F,).
    """

    points: Array
    weights: Array
    plane: Array
    smoothness: Array
    left_out: Array

    def __call__(self, points: NDArray[np.floating]) -> Array:
        """Values at `points` (P, 2) in [0, 1]^2; shape (P, F)."""
        return np.asarray(_kernel(points, self.points) @ self.weights + _polynomials(points) @ self.plane)


def fit_splines(points: NDArray[np.floating], values: NDArray[np.floating]) -> Spline:
    """Fit a smoothing thin-plate spline to each column of values.

    Parameters
    ----------
    points
        Places in [0, 1]^2, shape (n, 2), n >= `FEWEST_POINTS`, not all on one line.
    values
        Shape (n, F).

    Returns
    -------
    Spline
        F functions.
    """
    places, data = np.asarray(points, dtype=float), np.asarray(values, dtype=float)
    eigenvalues, basis = _bending_basis(places)
    along = basis.T @ data
    best = np.full(data.shape[1], np.inf)
    smoothness = np.full(data.shape[1], _SMOOTHNESS[-1])
    for mu in _SMOOTHNESS:
        shrink = mu / (eigenvalues + mu)
        freedom = np.square(basis) @ shrink
        error = np.square((basis @ (shrink[:, None] * along)) / freedom[:, None]).mean(axis=0)
        better = error < best
        best[better], smoothness[better] = error[better], mu
    weights = basis @ (along / (eigenvalues[:, None] + smoothness))
    rest = data - _kernel(places, places) @ weights - smoothness * weights
    plane = np.linalg.lstsq(_polynomials(places), rest, rcond=None)[0]
    return Spline(places, weights, plane, smoothness, np.sqrt(best))


def smooth_images(points: NDArray[np.floating], images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth images over the field, pixel by pixel, with one mu for all pixels of an image, chosen as in `fit_splines`.

    Parameters
    ----------
    points
        Places in [0, 1]^2, shape (n, 2).
    images
        Z images at every place, shape (n, Z, P).

    Returns
    -------
    ndarray
        Values of the splines at the places, shape (n, Z, P).
    """
    eigenvalues, basis = _bending_basis(np.asarray(points, dtype=float))
    along = np.einsum("nb,nzp->zbp", basis.astype(np.float32), images)
    gram = np.einsum("zbp,zcp->zbc", along, along).astype(np.float64)
    best = np.full(len(gram), np.inf)
    shrinks = np.ones((len(gram), len(eigenvalues)))
    for mu in _SMOOTHNESS:
        shrink = mu / (eigenvalues + mu)
        residual = (basis * shrink) / (np.square(basis) @ shrink)[:, None]
        error = np.einsum("nb,zbc,nc->z", residual, gram, residual)
        better = error < best
        best[better], shrinks[better] = error[better], shrink
    rough = np.einsum("nb,zb,zbp->nzp", basis.astype(np.float32), shrinks.astype(np.float32), along, optimize=True)
    return np.asarray(images - rough, dtype=np.float32)


def unit_square(points: NDArray[np.floating], field_shape: tuple[int, int]) -> Array:
    """Map pixels (row, column) of the field to [0, 1]^2."""
    return np.asarray(np.asarray(points, dtype=float) / (np.array(field_shape, dtype=float) - 1))


def _bending_basis(places: Array) -> tuple[Array, Array]:
    """Diagonalise the bending energy: eigenvalues (n - 3,) of Q'K Q, and Q times its eigenvectors, (n, n - 3)."""
    outer = np.linalg.qr(_polynomials(places), mode="complete")[0][:, 3:]
    eigenvalues, vectors = np.linalg.eigh(outer.T @ _kernel(places, places) @ outer)
    return np.maximum(eigenvalues, 0), np.asarray(outer @ vectors)


def _kernel(a: NDArray[np.floating], b: NDArray[np.floating]) -> Array:
    square = np.square(np.asarray(a, dtype=float)[:, None] - b[None]).sum(axis=-1)
    return np.asarray(0.5 * square * np.log(np.maximum(square, 1e-300)))


def _polynomials(points: NDArray[np.floating]) -> Array:
    return np.column_stack([np.ones(len(points)), np.asarray(points, dtype=float)])
