"""Convolution with one point spread function, on the valid part of the scene."""

from __future__ import annotations

from functools import cached_property

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from napari_deepblur.errors import FamilyError, ImageError
from napari_deepblur.operators.linear import LinearOperator


class ConvolutionOperator(LinearOperator):
    """True convolution (A x)(p) = sum_q h(q) x(p - q) at the pixels p whose whole neighbourhood is in the scene.

    With scene indices, (A x)[i] = sum_j h[j] x[i + k - 1 - j]. A circular convolution of the size of the scene is
    exact on that part, so that no padding, and no wrap-around, is involved.

    Parameters
    ----------
    psf
        Point spread functions, shape (..., k, k), k odd. Leading dimensions broadcast against those of scenes:
        use (B, 1, k, k) for scenes (B, 1, H + k - 1, W + k - 1).
    image_shape
        Shape (H, W) of the image.

    Raises
    ------
    FamilyError
        If the PSF is not square with an odd side.
    ImageError
        If the image has no pixels.
    """

    def __init__(self, psf: Tensor, image_shape: tuple[int, int]) -> None:
        if psf.ndim < 2 or psf.shape[-1] != psf.shape[-2] or psf.shape[-1] % 2 == 0:
            raise FamilyError(f"The PSF has shape {tuple(psf.shape)}, expected (..., k, k) with k odd.")
        height, width = (int(side) for side in image_shape)
        if height < 1 or width < 1:
            raise ImageError(f"The image shape is {tuple(image_shape)}, expected two positive numbers of pixels.")
        self.psf = psf
        self._image_shape = height, width
        grow = psf.shape[-1] - 1
        self._grid = (fast_length(height + grow), fast_length(width + grow))
        self._transfer = torch.fft.rfft2(psf.float(), s=self._grid)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Shape (H, W) of the image."""
        return self._image_shape

    @property
    def scene_shape(self) -> tuple[int, int]:
        """Shape (H + k - 1, W + k - 1) of the scene."""
        grow = self.psf.shape[-1] - 1
        return self._image_shape[0] + grow, self._image_shape[1] + grow

    def forward(self, scene: Tensor) -> Tensor:
        """Blur: A x, from (..., H + k - 1, W + k - 1) to (..., H, W)."""
        grow = self.psf.shape[-1] - 1
        height, width = self._image_shape
        return self._filter(scene, self._transfer)[..., grow : grow + height, grow : grow + width]

    def adjoint(self, image: Tensor) -> Tensor:
        """Transpose of the blur: A' y, from (..., H, W) to (..., H + k - 1, W + k - 1)."""
        grow = self.psf.shape[-1] - 1
        height, width = self.scene_shape
        placed = torch.nn.functional.pad(image, (grow, 0, grow, 0))
        return self._filter(placed, self._transfer.conj())[..., :height, :width]

    def precondition(self, scene: Tensor, regularization: float | Tensor) -> Tensor:
        """Apply the circular inverse, 1 / (|H|^2 + regularization) in the Fourier domain."""
        height, width = self.scene_shape
        return self._filter(scene, 1 / (self._power + regularization))[..., :height, :width]

    @cached_property
    def _power(self) -> Tensor:
        power: Tensor = self._transfer.real.square() + self._transfer.imag.square()
        return power

    def _filter(self, scene: Tensor, multiplier: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(scene.float(), s=self._grid)
        filtered: Tensor = torch.fft.irfft2(spectrum * multiplier, s=self._grid)
        return filtered


def fast_length(length: int) -> int:
    """Return the side of an FFT grid, at least `length` pixels, that is quick to transform and even."""
    # Even, so that the half-spectrum has no awkward tail.
    candidate = int(next_fast_len(length, real=True))
    while candidate % 2:
        candidate = int(next_fast_len(candidate + 1, real=True))
    return candidate
