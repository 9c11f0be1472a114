"""What is to be removed: a known or estimated blur, for any part of the image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator, LinearOperator, OperatorFamily


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
