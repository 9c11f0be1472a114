"""Convolutions whose PSF is a combination of measured ones."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.operators.families.convolution import ConvolutionFamily
from napari_deepblur.operators.families.eigen_psfs import check_weights, coordinates
from napari_deepblur.operators.families.measured import MeasuredFamily
from napari_deepblur.optics import Microscope


class EigenPsfFamily(ConvolutionFamily, MeasuredFamily):
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
        super().__init__(eigen_psfs, thetas, None, microscope, pixel_size_um)

    @property
    def kind(self) -> Literal["eigen-psf"]:
        """``"eigen-psf"``."""
        return "eigen-psf"

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """``"eigen-PSF 1"`` and so on."""
        return tuple(f"eigen-PSF {i + 1}" for i in range(len(self.eigen_psfs)))

    @property
    def numbers(self) -> dict[str, Any]:
        """Pixel size."""
        return {"pixel_size_um": self.pixel_size_um}

    @property
    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Eigen-PSFs and observed parameters."""
        return {"eigen_psfs": self.eigen_psfs} | ({} if self.thetas is None else {"thetas": self.thetas})

    @property
    def theta_in_words(self) -> str:
        """What the K numbers are, for messages."""
        return "a number for each eigen-PSF"

    def psf_tensor(self, theta: Tensor) -> Tensor:
        """Point spread functions (..., k, k) of parameters (..., I), differentiable, on theta's device."""
        return torch.einsum("...i,iyx->...yx", theta.float(), torch.from_numpy(self.eigen_psfs).to(theta.device))

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
