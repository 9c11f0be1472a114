"""Convolutions whose PSF is a combination of measured ones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.operators.convolution import ConvolutionOperator
from napari_deepblur.operators.families.admissible import check_thetas, sample_hull
from napari_deepblur.operators.families.base import OperatorFamily, check_points, check_theta, known_pixel_size
from napari_deepblur.operators.families.eigen_psfs import check_eigen_psfs, check_weights, coordinates
from napari_deepblur.operators.linear import ArrayOperator
from napari_deepblur.optics import Microscope


class EigenPsfFamily(OperatorFamily):
    """Convolution with h = sum_i theta_i e_i, a combination of eigen-PSFs (Model 2.1).

    Parameters
    ----------
    eigen_psfs
        The e_i, shape (I, k, k), k odd, linearly independent.
    thetas
        Observed parameters, shape (L, I); `sample` draws from their convex hull.
    microscope
        The optics, where they are known.
    pixel_size_um
        Pixel size in the sample, in micrometres; by default that of the microscope.

    Raises
    ------
    FamilyError
        If shapes do not fit, values are not finite, or the eigen-PSFs depend on each other.

    Notes
    -----
    Source: V. Debarnot, P. Weiss, "Deep-blur: blind identification and deblurring with convolutional neural networks",
    Biological Imaging 4, e13 (2024).
    """

    def __init__(
        self,
        eigen_psfs: ArrayLike,
        thetas: ArrayLike | None = None,
        microscope: Microscope | None = None,
        pixel_size_um: float | None = None,
    ) -> None:
        self.eigen_psfs = check_eigen_psfs(eigen_psfs)
        self.thetas = check_thetas(thetas, (len(self.eigen_psfs),))
        self.microscope = microscope
        self.pixel_size_um = known_pixel_size(pixel_size_um, microscope)

    @property
    def psf_size(self) -> int:
        """Side k of the point spread functions, in pixels; odd."""
        return int(self.eigen_psfs.shape[-1])

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """``"eigen-PSF 1"`` and so on."""
        return tuple(f"eigen-PSF {i + 1}" for i in range(len(self.eigen_psfs)))

    @property
    def field_shape(self) -> None:
        """None: the PSF is the same everywhere."""
        return None

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Draw convex combinations of the observed parameters (`sample_hull`); shape (n, I)."""
        return sample_hull(self.thetas, n, seed)

    def psf(self, theta: ArrayLike, points: ArrayLike | None = None) -> NDArray[np.float32]:
        """Point spread function of `theta` (I,): (k, k), or the same P times with `points` (P, 2)."""
        psf = self.psf_tensor(self.check(theta)).numpy()
        if points is None:
            return np.asarray(psf)
        return np.repeat(psf[None], len(check_points(points)), axis=0)

    def psf_tensor(self, theta: Tensor) -> Tensor:
        """Point spread functions (..., k, k) of parameters (..., I), differentiable, on theta's device."""
        return torch.einsum("...i,iyx->...yx", theta.float(), torch.from_numpy(self.eigen_psfs).to(theta.device))

    def operator(self, theta: ArrayLike, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> ArrayOperator:
        """Convolution operator of `theta` (I,) for an observed image of shape (H, W), wherever it lies."""
        return ArrayOperator(ConvolutionOperator(self.psf_tensor(self.check(theta)), shape))

    def linear_operator(
        self, theta: Tensor, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)
    ) -> ConvolutionOperator:
        """Batched convolution operators of `theta` (B, I) for scenes (B, 1, H + k - 1, W + k - 1)."""
        return ConvolutionOperator(self.psf_tensor(theta).unsqueeze(-3), shape)

    def maps_at(self, points: ArrayLike) -> NDArray[np.float64]:
        """One map that is 1 everywhere, at positions (P, 2); shape (P, 1)."""
        return np.ones((len(check_points(points)), 1))

    def fit(self, points: ArrayLike, psfs: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float32]:
        """Project PSFs on the family: argmin over theta of sum_p a_p |h_p - sum_i theta_i e_i|^2.

        Parameters
        ----------
        points
            Where the PSFs were seen, shape (P, 2); of no consequence here.
        psfs
            The h_p, shape (P, k, k).
        weights
            The a_p, shape (P,); by default all alike.

        Returns
        -------
        ndarray
            theta, shape (I,).

        Raises
        ------
        FamilyError
            If shapes do not fit.
        """
        found = coordinates(self.eigen_psfs, psfs)
        return np.average(found, axis=0, weights=check_weights(weights, len(found))).astype(np.float32)

    def check(self, theta: ArrayLike) -> Tensor:
        """Return `theta` (I,) as a float32 tensor, or raise a `FamilyError` that says what is wrong with it."""
        return check_theta(theta, self.n_parameters, "a number for each eigen-PSF")
