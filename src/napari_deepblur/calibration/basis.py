"""Eigen-PSFs, and orthonormal maps of how much of each there is over the field.

M = [vec p_i] over all beads of all planes, smoothed over the field plane by plane, which leaves a noisy bead only what
it shares with its neighbours; the first I left singular vectors of M (uncentred) are the eigen-PSFs e_i, and c_i(z) =
<p_z, e_i>, p_z not smoothed. Every c_i of every plane becomes a function f of the field (`splines.py`), and the first J
singular vectors of all these functions are the maps w_j: theta[l, i, j] = <f_{l, i}, w_j>. Each plane is weighted by
one over the norm of its mean PSF: a PSF out of focus is flat, and would otherwise hardly count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.calibration.splines import Spline, fit_splines, smooth_images

Array = NDArray[np.float64]

GRID = 33
"""Points a side on which functions of the field are compared and maps are given."""

_EXTRA, _PASSES = 12, 3


class BeadSet(NamedTuple):
    """The usable beads of one stack.

    Attributes
    ----------
    points
        Places in [0, 1]^2, shape (n, 2).
    patches
        Their PSFs, shape (n, Z, k k), float32.
    norms
        Norm of the mean PSF of each plane, shape (Z,).
    """

    points: Array
    patches: NDArray[np.float32]
    norms: Array

    def subset(self, chosen: NDArray[np.bool_]) -> BeadSet:
        """Return the chosen beads only."""
        return BeadSet(self.points[chosen], self.patches[chosen], self.norms)


class FieldModel(NamedTuple):
    """Functions of the field for every plane, and their common maps.

    Attributes
    ----------
    theta
        Shape (L, I, J), planes of all stacks in order.
    combination
        The maps as sums of the splines: shape (L I, J).
    splines
        One for each stack, of its Z I functions.
    singular_values
        Of all functions, shape (at most the number of grid points,).
    """

    theta: Array
    combination: Array
    splines: tuple[Spline, ...]
    singular_values: Array

    def maps(self, points: NDArray[np.floating]) -> Array:
        """Values of the maps at `points` (P, 2) in [0, 1]^2; shape (J, P)."""
        functions = np.concatenate([spline(points) for spline in self.splines], axis=1)
        return np.asarray((functions @ self.combination).T)


def eigen_psfs(sets: Sequence[BeadSet], count: int) -> tuple[Array, Array]:
    """First left singular vectors of all weighted patches, by subspace iteration from a fixed start.

    Parameters
    ----------
    sets
        The beads of every stack.
    count
        How many vectors.

    Returns
    -------
    ndarray
        Orthonormal eigen-PSFs, shape (count, k k); the first has a positive sum.
    ndarray
        All singular values that were computed, at least `count` of them, descending.

    Notes
    -----
    Source: N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness", SIAM Review 53, 217 (2011).
    """
    rows = [_weighted(beads) for beads in sets]
    side, total = rows[0].shape[1], sum(len(part) for part in rows)
    rank = min(count + _EXTRA, side, total)
    vectors = np.random.default_rng(0).standard_normal((side, rank)).astype(np.float32)
    for _ in range(_PASSES + 1):
        vectors = np.linalg.qr(vectors)[0]
        images = [part @ vectors for part in rows]
        vectors = np.sum([part.T @ image for part, image in zip(rows, images, strict=True)], axis=0)
    basis = np.linalg.qr(vectors)[0].astype(np.float64)
    small = np.concatenate([part @ basis.astype(np.float32) for part in rows]).astype(np.float64)
    _, values, right = np.linalg.svd(small, full_matrices=False)
    found = (basis @ right.T).T[:count]
    signs = np.where(found.sum(axis=1) < 0, -1.0, 1.0)
    return found * signs[:, None], values


def fit_functions(beads: BeadSet, basis: Array) -> Spline:
    """Fit splines to the coefficients of every plane of one stack: Z I functions, plane by plane."""
    return fit_splines(beads.points, coefficients(beads, basis).reshape(len(beads.points), -1))


def coefficients(beads: BeadSet, basis: Array) -> Array:
    """c_i = <p, e_i> of every bead and plane, shape (n, Z, I)."""
    return np.asarray(beads.patches @ basis.astype(np.float32).T, dtype=np.float64)


def fit_maps(sets: Sequence[BeadSet], splines: Sequence[Spline], n_psfs: int, n_maps: int) -> FieldModel:
    """Find the orthonormal maps of all functions.

    Parameters
    ----------
    sets, splines
        The stacks' beads, whose norms weight their planes, and the functions fitted to them.
    n_psfs, n_maps
        Numbers I and J.

    Returns
    -------
    FieldModel
        Maps of mean square 1 over the field.
    """
    grid = field_grid()
    functions = np.concatenate([spline(grid) for spline in splines], axis=1)
    weights = np.concatenate([np.repeat(1 / beads.norms, n_psfs) for beads in sets])
    functions *= weights
    # There are many more functions than points: their singular vectors come from the smaller Gram matrix.
    squares, vectors = np.linalg.eigh(functions @ functions.T)
    values, left = np.sqrt(np.maximum(squares[::-1], 0)), vectors[:, ::-1]
    n_maps = min(n_maps, int((values > 1e-6 * values[0]).sum()))
    left = left[:, :n_maps] * np.where(left[:, :n_maps].sum(axis=0) < 0, -1.0, 1.0)
    along = functions.T @ left
    scale = np.sqrt(len(grid))
    combination = along * weights[:, None] * (scale / np.square(values[:n_maps]))
    theta = along / weights[:, None] / scale
    return FieldModel(theta.reshape(-1, n_psfs, n_maps), combination, tuple(splines), values)


def field_grid() -> Array:
    """Return the points of the grid over [0, 1]^2, shape (GRID^2, 2), rows slowest."""
    axis = np.linspace(0, 1, GRID)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _weighted(beads: BeadSet) -> NDArray[np.float32]:
    """Return the smoothed patches of all planes, one a row, over the norm of the mean PSF of their plane."""
    scaled = smooth_images(beads.points, beads.patches) / beads.norms[:, None]
    return np.asarray(scaled.reshape(-1, beads.patches.shape[-1]), dtype=np.float32)
