"""Space-varying blur as a sum of products and convolutions, on the valid part of the scene."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.convolution import fast_length
from napari_deepblur.operators.linear import LinearOperator


class ProductConvolutionOperator(LinearOperator):
    """A x = sum_ij theta_ij e_i * (w_j . x): multiply by the maps first, then convolve with the eigen-PSFs (Model 2.2).

    A point of the scene at z spreads as h_z = sum_ij theta_ij w_j(z) e_i, so that the maps live on the scene. The
    convolutions are true ones, on the valid part, as in `ConvolutionOperator`. The sum is grouped by map or by
    eigen-PSF, whichever is shorter, and taken in the Fourier domain: T = min(I, J) transforms and one more in each
    direction.

    Parameters
    ----------
    eigen_psfs
        The e_i, shape (I, k, k), k odd. Leading dimensions are allowed here and for the maps, as for theta.
    maps
        The w_j at the pixels of the scene, shape (J, H + k - 1, W + k - 1).
    theta
        Parameters, shape (..., I, J). Leading dimensions broadcast against those of scenes: use (B, 1, I, J) for
        scenes (B, 1, H + k - 1, W + k - 1).

    Raises
    ------
    FamilyError
        If the shapes do not fit together.

    Notes
    -----
    Source: P. Escande and P. Weiss, "Approximation of integral operators using product-convolution expansions",
    Journal of Mathematical Imaging and Vision 58, 333 (2017).
    """

    def __init__(self, eigen_psfs: Tensor, maps: Tensor, theta: Tensor) -> None:
        self.psf_size = _check(eigen_psfs, maps, theta)
        grow = self.psf_size - 1
        height, width = maps.shape[-2:]
        self._image_shape = height - grow, width - grow
        self._grid = (fast_length(height), fast_length(width))
        eigen_psfs, maps, theta = eigen_psfs.float(), maps.float(), theta.float()
        # T terms, each a window (..., T, H + k - 1, W + k - 1) and the PSF that it is then convolved with.
        if maps.shape[-3] <= eigen_psfs.shape[-3]:
            self._windows, psfs = maps, _combine(theta.mT, eigen_psfs)
        else:
            self._windows, psfs = _combine(theta, maps), eigen_psfs
        self._transfers = torch.fft.rfft2(psfs, s=self._grid)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Shape (H, W) of the image."""
        return self._image_shape

    @property
    def scene_shape(self) -> tuple[int, int]:
        """Shape (H + k - 1, W + k - 1) of the scene."""
        grow = self.psf_size - 1
        return self._image_shape[0] + grow, self._image_shape[1] + grow

    def forward(self, scene: Tensor) -> Tensor:
        """Blur: A x, from (..., H + k - 1, W + k - 1) to (..., H, W)."""
        grow = self.psf_size - 1
        height, width = self._image_shape
        scene = scene.float()
        # One term at a time: a stack of spectra of the whole field would fill the memory of a small GPU.
        spectrum = sum(self._transfer(t) * self._spectrum(self._window(t) * scene) for t in range(self._terms))
        blurred: Tensor = torch.fft.irfft2(spectrum, s=self._grid)
        return blurred[..., grow : grow + height, grow : grow + width]

    def adjoint(self, image: Tensor) -> Tensor:
        """Transpose of the blur: A' y, from (..., H, W) to (..., H + k - 1, W + k - 1)."""
        grow = self.psf_size - 1
        height, width = self.scene_shape
        spectrum = self._spectrum(torch.nn.functional.pad(image.float(), (grow, 0, grow, 0)))
        scene = torch.zeros((), device=image.device)
        for t in range(self._terms):
            spread = torch.fft.irfft2(self._transfer(t).conj() * spectrum, s=self._grid)
            scene = scene + self._window(t) * spread[..., :height, :width]
        return scene

    def precondition(self, scene: Tensor, regularization: float | Tensor) -> Tensor:
        """Apply 1 / (|H|^2 + regularization) in the Fourier domain, |H|^2 averaged over the field."""
        height, width = self.scene_shape
        spectrum = self._spectrum(scene.float())
        filtered: Tensor = torch.fft.irfft2(spectrum / (self._mean_power + regularization), s=self._grid)
        return filtered[..., :height, :width]

    @cached_property
    def _mean_power(self) -> Tensor:
        """Mean over the scene's pixels z of |sum_t w_t(z) H_t|^2, from the second moments of the windows."""
        windows = self._windows.flatten(-2)
        with torch.autocast(windows.device.type, enabled=False):
            moments = windows @ windows.mT / windows.shape[-1]
        # The moments in their principal axes: the mean is then a sum of T squares, and cannot be negative.
        values, axes = torch.linalg.eigh(moments)
        power = torch.zeros((), device=windows.device)
        for s in range(self._terms):
            transfer = sum(axes[..., t, s, None, None] * self._transfer(t) for t in range(self._terms))
            assert isinstance(transfer, Tensor)
            square = transfer.real.square() + transfer.imag.square()
            power = power + values[..., s, None, None].clamp_min(0) * square
        return power

    @property
    def _terms(self) -> int:
        return int(self._windows.shape[-3])

    def _window(self, term: int) -> Tensor:
        window: Tensor = self._windows[..., term, :, :]
        return window

    def _transfer(self, term: int) -> Tensor:
        transfer: Tensor = self._transfers[..., term, :, :]
        return transfer

    def _spectrum(self, scene: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.rfft2(scene, s=self._grid)
        return spectrum


def _combine(weights: Tensor, images: Tensor) -> Tensor:
    """Combine images (..., N, h, w) by weights (..., M, N) into (..., M, h, w)."""
    with torch.autocast(weights.device.type, enabled=False):
        combined: Tensor = weights @ images.flatten(-2)
    return combined.view(*combined.shape[:-1], *images.shape[-2:])


def _check(eigen_psfs: Tensor, maps: Tensor, theta: Tensor) -> int:
    shape = tuple(eigen_psfs.shape)
    if len(shape) < 3 or not shape[-3] or shape[-2] != shape[-1] or shape[-1] % 2 == 0:
        raise FamilyError(f"The eigen-PSFs have shape {shape}, expected (I, k, k) with k odd.")
    grow = shape[-1] - 1
    if maps.ndim < 3 or not maps.shape[-3] or min(maps.shape[-2:]) <= grow:
        raise FamilyError(
            f"The maps have shape {tuple(maps.shape)}, expected (J, H + {grow}, W + {grow}): maps of the scene, which "
            "is larger than the image by the PSF's size minus one."
        )
    if theta.ndim < 2 or theta.shape[-2:] != (shape[-3], maps.shape[-3]):
        raise FamilyError(
            f"theta has shape {tuple(theta.shape)}, expected (..., {shape[-3]}, {maps.shape[-3]}): a number for each "
            "eigen-PSF and map."
        )
    return shape[-1]
