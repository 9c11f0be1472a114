"""What families share whose blur is the same everywhere in the field."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.operators.convolution import ConvolutionOperator
from napari_deepblur.operators.families.base import OperatorFamily, check_points, check_theta
from napari_deepblur.operators.linear import ArrayOperator


class ConvolutionFamily(OperatorFamily):
    """A family of convolutions: one PSF, wherever in the field, whose formula is `psf_tensor`."""

    @abstractmethod
    def psf_tensor(self, theta: Tensor) -> Tensor:
        """Point spread functions (..., k, k) of parameters (..., K), differentiable, on theta's device."""

    @property
    @abstractmethod
    def theta_in_words(self) -> str:
        """What the K numbers are, for messages."""

    @property
    def field_shape(self) -> None:
        """None: the PSF is the same everywhere."""
        return None

    def psf(self, theta: ArrayLike, points: ArrayLike | None = None) -> NDArray[np.float32]:
        """Point spread function of `theta`, the same everywhere in the field.

        Parameters
        ----------
        theta
            Parameters, shape (K,).
        points
            Field positions (row, column) in pixels, shape (P, 2).

        Returns
        -------
        ndarray
            (k, k), or (P, k, k) with `points`; float32.

        Raises
        ------
        FamilyError
            If `theta` has another length or is not finite, or if points are not pairs.
        """
        psf = np.asarray(self.psf_tensor(self.check(theta)).numpy())
        if points is None:
            return psf
        return np.repeat(psf[None], len(check_points(points)), axis=0)

    def operator(self, theta: ArrayLike, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> ArrayOperator:
        """Convolution operator of `theta` (K,) for an observed image of shape (H, W), wherever it lies."""
        return ArrayOperator(ConvolutionOperator(self.psf_tensor(self.check(theta)), shape))

    def linear_operator(
        self, theta: Tensor, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)
    ) -> ConvolutionOperator:
        """Batched convolution operators of `theta` (B, K) for scenes (B, 1, H + k - 1, W + k - 1)."""
        return ConvolutionOperator(self.psf_tensor(theta).unsqueeze(-3), shape)

    def maps_at(self, points: ArrayLike) -> NDArray[np.float64]:
        """One map that is 1 everywhere, at positions (P, 2); shape (P, 1)."""
        return np.ones((len(check_points(points)), 1))

    def check(self, theta: ArrayLike) -> Tensor:
        """Return `theta` (K,) as a float32 tensor, or raise a `FamilyError` that says what is wrong with it."""
        return check_theta(theta, self.n_parameters, self.theta_in_words, self.units)
