"""Blurs that vary over the field of a calibrated microscope."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.as_numbers import as_numbers
from napari_deepblur.operators.families.base import check_points, check_theta
from napari_deepblur.operators.families.eigen_psfs import check_weights, coordinates
from napari_deepblur.operators.families.field_maps import FieldMaps
from napari_deepblur.operators.families.measured import MeasuredFamily
from napari_deepblur.operators.linear import ArrayOperator
from napari_deepblur.operators.product_convolution import ProductConvolutionOperator
from napari_deepblur.optics import Microscope


class ProductConvolutionFamily(MeasuredFamily):
    """A(theta) x = sum_ij theta_ij e_i * (w_j . x), blurs that vary over the field (Model 2.2).

    A point at z spreads as sum_ij theta_ij w_j(z) e_i. Parameters are flat, row-major: theta[i * J + j] is theta_ij.

    Parameters
    ----------
    eigen_psfs
        The e_i, shape (I, k, k), k odd, linearly independent.
    maps
        The w_j, shape (J, G, G'), on an even grid that reaches from the first to the last pixel of the field on both
        axes: the whole field itself, or a coarser grid, between whose points cubic splines lie. Beyond the border of
        the field, where a scene reaches by k // 2 pixels, they go on along their tangent (`FieldMaps`).
    thetas
        Observed parameters, shape (L, I, J) or (L, I J); `sample` draws from their convex hull.
    microscope
        The optics, where they are known.
    pixel_size_um
        Pixel size in the sample, in micrometres; by default that of the microscope.
    field_shape
        Rows and columns of the field in pixels; by default those of the maps.

    Raises
    ------
    FamilyError
        If shapes do not fit, values are not finite, or the eigen-PSFs depend on each other.

    Notes
    -----
    Source: V. Debarnot, P. Escande, T. Mangeat, P. Weiss, "Learning low-dimensional models of microscopes", IEEE
    Transactions on Computational Imaging 7, 178 (2021).
    """

    def __init__(
        self,
        eigen_psfs: ArrayLike,
        maps: ArrayLike,
        thetas: ArrayLike | None = None,
        microscope: Microscope | None = None,
        pixel_size_um: float | None = None,
        field_shape: tuple[int, int] | None = None,
    ) -> None:
        self.maps = as_numbers(maps, "maps", np.float32, "numbers (J, rows, columns)")
        if field_shape is None and self.maps.ndim == 3:
            field_shape = self.maps.shape[1], self.maps.shape[2]
        self._field = FieldMaps(self.maps, (0, 0) if field_shape is None else field_shape)
        super().__init__(eigen_psfs, thetas, len(self.maps), microscope, pixel_size_um)

    @property
    def kind(self) -> Literal["product-convolution"]:
        """``"product-convolution"``."""
        return "product-convolution"

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """``"eigen-PSF 1, map 1"`` and so on, maps fastest."""
        count, maps = len(self.eigen_psfs), len(self.maps)
        return tuple(f"eigen-PSF {i + 1}, map {j + 1}" for i in range(count) for j in range(maps))

    @property
    def field_shape(self) -> tuple[int, int]:
        """Rows and columns of the field of view."""
        return self._field.field_shape

    @property
    def numbers(self) -> dict[str, Any]:
        """Pixel size, and rows and columns of the field."""
        return {"pixel_size_um": self.pixel_size_um, "field_shape": self.field_shape}

    @property
    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Eigen-PSFs, maps and observed parameters, the last of shape (L, I, J)."""
        made = {"eigen_psfs": self.eigen_psfs, "maps": self.maps}
        if self.thetas is not None:
            made["thetas"] = self.thetas.reshape(-1, len(self.eigen_psfs), len(self.maps))
        return made

    def psf(self, theta: ArrayLike, points: ArrayLike | None = None) -> NDArray[np.float32]:
        """Local point spread functions sum_ij theta_ij w_j(z) e_i of sources at z.

        Parameters
        ----------
        theta
            Parameters, shape (I J,).
        points
            Positions z (row, column) in pixels of the field, shape (P, 2); by default its centre.

        Returns
        -------
        ndarray
            (P, k, k), or (k, k) without `points`; float32.

        Raises
        ------
        FamilyError
            If `theta` has another length or is not finite, or if points are not pairs.
        """
        weights = self.check(theta).numpy().reshape(len(self.eigen_psfs), -1)
        centre = [[(side - 1) / 2 for side in self.field_shape]]
        values = self._field.at(check_points(centre if points is None else points))
        psfs = np.einsum("ij,pj,iyx->pyx", weights, values, self.eigen_psfs, optimize=True).astype(np.float32)
        return np.asarray(psfs[0] if points is None else psfs)

    def operator(self, theta: ArrayLike, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> ArrayOperator:
        """Operator of `theta` (I J,) for an observed image of shape (H, W) whose first pixel is at `origin`.

        Raises
        ------
        FamilyError
            If the image lies outside the field by more than half a PSF, or `theta` makes no sense.
        """
        return ArrayOperator(self._operator(self.check(theta), shape, origin))

    def linear_operator(
        self, theta: Tensor, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)
    ) -> ProductConvolutionOperator:
        """Batched operators of `theta` (B, I J), differentiable, for scenes (B, 1, H + k - 1, W + k - 1)."""
        return self._operator(theta.unsqueeze(-2), shape, origin)

    def maps_at(self, points: ArrayLike) -> NDArray[np.float64]:
        """Values w_j(z) of the maps at positions z (row, column) in pixels of the field, (P, 2); shape (P, J)."""
        return self._field.at(check_points(points))

    def fit(self, points: ArrayLike, psfs: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float32]:
        """Project local PSFs on the family: argmin over theta of sum_p a_p |h_p - sum_ij theta_ij w_j(z_p) e_i|^2.

        Parameters
        ----------
        points
            Positions z_p (row, column) in pixels of the field, shape (P, 2).
        psfs
            The h_p, shape (P, k, k).
        weights
            The a_p, shape (P,); by default all alike.

        Returns
        -------
        ndarray
            theta, shape (I J,).

        Raises
        ------
        FamilyError
            If shapes do not fit, or the points are too few or too close to determine the maps' coefficients.
        """
        places, found = check_points(points), coordinates(self.eigen_psfs, psfs)
        if len(places) != len(found):
            raise FamilyError(f"There are {len(places)} points and {len(found)} psfs, expected one psf for each point.")
        root = np.sqrt(check_weights(weights, len(found)))[:, None]
        # The two factors of the design separate: first the coordinates of each PSF, then their maps over the field.
        theta, _, rank, _ = np.linalg.lstsq(root * self._field.at(places), root * found, rcond=1e-6)
        if rank < len(self.maps):
            raise FamilyError(
                f"{len(places)} points determine {rank} of {len(self.maps)} maps. Give at least {len(self.maps)} "
                "points with positive weights, spread over the field."
            )
        return np.asarray(theta.T.ravel(), dtype=np.float32)

    def check(self, theta: ArrayLike) -> Tensor:
        """Return `theta` (I J,) as a float32 tensor, or raise a `FamilyError` that says what is wrong with it."""
        flat = np.asarray(theta)
        if flat.shape == (len(self.eigen_psfs), len(self.maps)):
            theta = flat.ravel()
        return check_theta(theta, self.n_parameters, "a number for each eigen-PSF and map, maps fastest", self.units)

    def _operator(self, theta: Tensor, shape: tuple[int, int], origin: tuple[int, int]) -> ProductConvolutionOperator:
        maps = self._field.on_scene(shape, origin, self.psf_size)
        return ProductConvolutionOperator(
            torch.from_numpy(self.eigen_psfs).to(theta.device),
            torch.from_numpy(maps.astype(np.float32)).to(theta.device),
            theta.unflatten(-1, (len(self.eigen_psfs), len(self.maps))),
        )
