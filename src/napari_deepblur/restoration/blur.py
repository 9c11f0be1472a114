"""What is to be removed: a known or estimated blur, for any part of the image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator, LinearOperator, OperatorFamily, ProductConvolutionFamily

_SMALLEST_TERM = 1e-3


class Blur(ABC):
    """A blur of a whole image, from which the operator of each tile is made."""

    @property
    @abstractmethod
    def psf_size(self) -> int:
        """Side k of the point spread functions, in pixels; odd."""

    @property
    @abstractmethod
    def spread(self) -> float:
        """Expected relative squared error of the PSF, E |h - h_hat|^2 / |h_hat|^2; 0 for a known one."""

    @abstractmethod
    def operator(self, shape: tuple[int, int], origin: tuple[int, int], device: torch.device) -> LinearOperator:
        """Blur of a tile of the image: its shape, its first pixel (row, column) in the image, and where to compute."""


@dataclass(frozen=True)
class ConvolutionBlur(Blur):
    """One PSF for the whole field.

    Attributes
    ----------
    psf
        Shape (k, k), sum 1.
    error
        The spread.
    """

    psf: Tensor
    error: float = 0.0

    @property
    def psf_size(self) -> int:
        """Side k of the PSF, in pixels; odd."""
        return self.psf.shape[-1]

    @property
    def spread(self) -> float:
        """Expected relative squared error of the PSF."""
        return self.error

    def operator(self, shape: tuple[int, int], origin: tuple[int, int], device: torch.device) -> LinearOperator:
        """Make the same convolution everywhere."""
        return ConvolutionOperator(self.psf.to(device)[None, None], shape)


@dataclass(frozen=True)
class FamilyBlur(Blur):
    """A member of a family, whose PSF may vary over the field.

    Attributes
    ----------
    family
        The family.
    theta
        Its parameters, shape (K,).
    error
        The spread, on average over the field.
    origin
        First pixel (row, column) of the image in the field.
    """

    family: OperatorFamily
    theta: Tensor
    error: float = 0.0
    origin: tuple[int, int] = (0, 0)

    @property
    def psf_size(self) -> int:
        """Side k of the PSFs, in pixels; odd."""
        return self.family.psf_size

    @property
    def spread(self) -> float:
        """Expected relative squared error of the PSFs."""
        return self.error

    def operator(self, shape: tuple[int, int], origin: tuple[int, int], device: torch.device) -> LinearOperator:
        """Make the family's operator for that part of the field."""
        absolute = origin[0] + self.origin[0], origin[1] + self.origin[1]
        return self.family.linear_operator(self.theta.to(device)[None], shape, absolute)


def blur_between(psfs: NDArray[np.float32], grid: int, psf_size: int, shape: tuple[int, int], error: float) -> Blur:
    """Make a blur that varies smoothly between PSFs on the even grid of `identification.field.even_grid`.

    The PSFs are expanded into as many eigen-PSFs as there are places, whose coefficients are interpolated by splines.

    Parameters
    ----------
    psfs
        Shape (grid^2, k, k).
    grid
        Places a side.
    psf_size
        Their side k.
    shape
        Rows and columns of the image.
    error
        The spread.
    """
    half = psf_size // 2
    left, values, right = np.linalg.svd(psfs.reshape(grid * grid, -1).astype(np.float64), full_matrices=False)
    kept = values > _SMALLEST_TERM * values[0]
    maps = (left[:, kept] * values[kept]).T.reshape(-1, grid, grid)
    eigen_psfs = right[kept].reshape(-1, psf_size, psf_size)
    # The field of this family begins and ends at the outer places.
    field = max(shape[0] - 2 * half, 1), max(shape[1] - 2 * half, 1)
    family = ProductConvolutionFamily(eigen_psfs, maps, field_shape=field)
    return FamilyBlur(family, torch.eye(len(maps)).flatten(), error, (-half, -half))
