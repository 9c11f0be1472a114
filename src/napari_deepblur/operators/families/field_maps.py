"""Smooth functions of the field of view, known on a grid and wanted at pixels of any part of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.sparse import csr_matrix

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.as_numbers import as_field_shape

Array = NDArray[np.float64]


class FieldMaps:
    """J functions w_j of the field of view, interpolated from a grid.

    The grid reaches from the first to the last pixel of the field on both axes, evenly; it may have as many points as
    the field has pixels. Between its points lies a tensor product of cubic splines (not-a-knot; of lower degree where
    an axis has fewer than four points). Outside the field, where a scene reaches by half a PSF, the maps go on along
    their tangent at the border.

    Parameters
    ----------
    values
        The functions on the grid, shape (J, G, G').
    field_shape
        Rows and columns of the field in pixels.

    Raises
    ------
    FamilyError
        If the values are no finite array of three axes, or the field has no pixels.
    """

    def __init__(self, values: ArrayLike, field_shape: tuple[int, int]) -> None:
        grid = np.asarray(values, dtype=np.float64)
        if grid.ndim != 3 or 0 in grid.shape:
            raise FamilyError(f"maps have shape {grid.shape}, expected (J, rows, columns).")
        if not np.isfinite(grid).all():
            raise FamilyError("maps hold values that are not finite.")
        self.field_shape = as_field_shape(field_shape)
        self._axes = tuple(_Axis(points, side) for points, side in zip(grid.shape[1:], self.field_shape, strict=True))
        # One map at a time, which fits into the cache.
        self._coefficients = np.stack([self._axes[1].fit(self._axes[0].fit(values).T).T for values in grid])

    def __len__(self) -> int:
        return len(self._coefficients)

    def at(self, points: ArrayLike) -> Array:
        """Values at positions (row, column) of the field, shape (P, 2); returns (P, J)."""
        places = np.asarray(points, dtype=float)
        by_row, by_column = (axis.basis(places[:, i]) for i, axis in enumerate(self._axes))
        return np.stack([by_column.multiply(by_row @ c).sum(axis=1).A1 for c in self._coefficients], axis=1)

    def on(self, rows: range, columns: range) -> Array:
        """Values at the pixels of a part of the field and of its surroundings; shape (J, rows, columns)."""
        by_row, by_column = (axis.basis(np.array(r)) for axis, r in zip(self._axes, (rows, columns), strict=True))
        return np.stack([(by_column @ (by_row @ c).T).T for c in self._coefficients])

    def on_scene(self, shape: tuple[int, int], origin: tuple[int, int], psf_size: int) -> Array:
        """Values on the scene of an image of shape (H, W) whose first pixel is at `origin` of the field.

        Returns
        -------
        ndarray
            Shape (J, H + k - 1, W + k - 1).

        Raises
        ------
        FamilyError
            If the image lies outside the field by more than k // 2 pixels, the margin of its scene.
        """
        half = psf_size // 2
        parts = []
        for first, length, side in zip(origin, shape, self.field_shape, strict=True):
            if first < -half or first + length > side + half:
                end = tuple(o + n for o, n in zip(origin, shape, strict=True))
                raise FamilyError(
                    f"The image from pixel {tuple(origin)} to {end} lies outside the field of this family, which has "
                    f"{self.field_shape} pixels, by more than {half} pixels. The microscope was calibrated for another "
                    "camera size or binning, or the image is a crop whose origin was not given."
                )
            parts.append(range(first - half, first + length + half))
        return self.on(*parts)


class _Axis:
    """Splines along one axis: from points of the grid to coefficients, and from those to values anywhere."""

    def __init__(self, points: int, side: int) -> None:
        self.degree = min(3, points - 1)
        self.last = float(max(side - 1, 1))
        self.grid = np.linspace(0, self.last, points) if points > 1 else np.zeros(1)
        self.knots = make_interp_spline(self.grid, self.grid, k=self.degree).t if self.degree else self.grid

    def fit(self, values: Array) -> Array:
        """Coefficients of the splines through `values` (points, N), along the first axis."""
        if not self.degree:
            return values
        return np.asarray(make_interp_spline(self.grid, np.ascontiguousarray(values), k=self.degree).c)

    def basis(self, points: ArrayLike) -> csr_matrix:
        """Value of every basis function at positions (P,); shape (P, grid points), nearly all of it zero."""
        places: Array = np.asarray(points, dtype=float)
        inside = np.clip(places, 0, self.last)
        values = self._inside(inside)
        if not self.degree:
            return values
        step = self.grid[1] / 3
        for beyond, border, direction in (
            (np.minimum(places, 0), 0.0, 1),
            (np.maximum(places - self.last, 0), self.last, -1),
        ):
            if beyond.any():
                # Exact for the cubic piece at the border.
                nodes = border + direction * step * np.arange(4)
                slope = csr_matrix(np.array([[-11, 18, -9, 2]]) / (6 * step * direction)) @ self._inside(nodes)
                values = values + csr_matrix(beyond[:, None]) @ slope
        return csr_matrix(values)

    def _inside(self, places: Array) -> csr_matrix:
        if not self.degree:
            return csr_matrix(np.ones((len(places), 1)))
        return csr_matrix(BSpline.design_matrix(places, self.knots, self.degree))
