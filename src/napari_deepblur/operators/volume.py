"""Convolution of a volume with a three-dimensional PSF, on the part of the scene that a stack shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from napari_deepblur.errors import FamilyError, ImageError
from napari_deepblur.operators.convolution import fast_length
from napari_deepblur.operators.linear import LinearOperator

Zyx = tuple[int, int, int]
"""Planes, rows and columns."""


class VolumeOperator(LinearOperator):
    """Convolution along z, y and x: (A x)(p) = sum_d h(d) x(p - d), for the voxels p of a stack.

    The scene is larger than the stack by a margin on each side: unknown planes above and below it, and unknown rows and
    columns around. By default the margin is half the PSF along each axis, so that the stack is the valid part of the
    scene and nothing is assumed about what lies beyond. Light out of focus reaches far, though, and a scene of all
    that shines into a stack may be ten times the stack; with a smaller margin every source in it shines onto every
    voxel within the PSF, and what lies beyond is dark.

    Parameters
    ----------
    psf
        Point spread functions, shape (..., P, k, l) with P, k and l odd; plane P // 2 + d is what a plane sees of a
        source d planes before it (`optics.psf_planes`). Leading dimensions broadcast against those of scenes.
    image_shape
        Planes, rows and columns (D, H, W) of the stack.
    margin
        Planes, rows and columns of the scene on each side of the stack; None for half the PSF.

    Raises
    ------
    FamilyError
        If a side of the PSF is even.
    ImageError
        If the stack has no voxels, or the margin is negative.

    Notes
    -----
    A transform along all three axes costs less than sums over pairs of planes from five planes on, and never much more
    (two threads, transform against sum: 0.4 and 0.4 ms for 2 planes of 160 x 160, 34 and 122 ms for 25, 0.65 and 1.5 s
    for 32 of 544 x 544). Planes that are zero, or not wanted, are left out of the transforms in their plane.
    """

    def __init__(self, psf: Tensor, image_shape: Sequence[int], margin: Sequence[int] | None = None) -> None:
        if psf.ndim < 3 or any(side % 2 == 0 for side in psf.shape[-3:]):
            raise FamilyError(f"The PSF has shape {tuple(psf.shape)}, expected (..., planes, rows, columns), all odd.")
        if len(image_shape) != 3 or min(image_shape) < 1:
            raise ImageError(f"The stack has the shape {tuple(image_shape)}, expected planes, rows and columns.")
        half = [side // 2 for side in psf.shape[-3:]]
        wanted = half if margin is None else [int(side) for side in margin]
        if len(wanted) != 3 or min(wanted) < 0:
            raise ImageError(f"The margin is {margin}, expected three numbers of voxels, none of them negative.")
        self.psf = psf
        self._image_shape: Zyx = _three(image_shape)
        self._scene_shape: Zyx = _three([n + 2 * m for n, m in zip(image_shape, wanted, strict=True)])
        # No source in the scene is further away than this from a voxel that sees it.
        reach = [min(p, n - 1 + m) for p, n, m in zip(half, image_shape, wanted, strict=True)]
        z, y, x = (slice(p - r, p + r + 1) for p, r in zip(half, reach, strict=True))
        used = psf.float()[..., z, y, x]
        self._grid = volume_grid(image_shape, wanted, half)
        # Shifted by the margin, so that stack and scene both begin at the first voxel of the grid.
        padded = torch.nn.functional.pad(
            used, [pad for g, n in zip(self._grid[::-1], used.shape[:-4:-1], strict=True) for pad in (0, g - n)]
        )
        padded = padded.roll([-(r + m) for r, m in zip(reach, wanted, strict=True)], (-3, -2, -1))
        # In the order of `_filter`, which leaves values along z side by side: of another order, products take thrice
        # the time.
        self._transfer = torch.fft.fft(torch.fft.rfft2(padded), dim=-3)

    @property
    def image_shape(self) -> Zyx:
        """Shape (D, H, W) of the stack."""
        return self._image_shape

    @property
    def scene_shape(self) -> Zyx:
        """Shape of the scene: that of the stack and two margins."""
        return self._scene_shape

    def forward(self, scene: Tensor) -> Tensor:
        """Blur: A x, from (..., *scene_shape) to (..., D, H, W)."""
        return self._filter(scene, self._transfer, self._image_shape)

    def adjoint(self, image: Tensor) -> Tensor:
        """Transpose of the blur: A' y, from (..., D, H, W) to (..., *scene_shape)."""
        return self._filter(image, self._transfer.conj(), self._scene_shape)

    def precondition(self, scene: Tensor, regularization: float | Tensor) -> Tensor:
        """Apply (I - W T W) / regularization, T = |H|^2 / (|H|^2 + regularization) in the Fourier domain.

        W^2 is the share of its light that a voxel of the scene sends into the stack. Where all of it is seen, this is
        the circular inverse, and where nothing is, the exact one: between unknown planes both are common.
        """
        power = self._transfer.real.square() + self._transfer.imag.square()
        inner = self._filter(self._seen * scene.float(), power / (power + regularization), self._scene_shape)
        return (scene - self._seen * inner) / regularization

    @cached_property
    def _seen(self) -> Tensor:
        """W, shape (..., *scene_shape)."""
        with torch.no_grad():
            ones = torch.ones(self._image_shape, device=self.psf.device)
            all_light = self.psf.float().sum(dim=(-3, -2, -1), keepdim=True)
            return (self.adjoint(ones) / all_light).clamp(0, 1).sqrt()

    def _filter(self, values: Tensor, multiplier: Tensor, wanted: Zyx) -> Tensor:
        planes, *plane = self._grid
        spectrum = torch.fft.fft(torch.fft.rfft2(values.float(), s=plane), n=planes, dim=-3)
        # In place where nothing differentiates through it: a spectrum is as large as anything here.
        grows = torch.broadcast_shapes(spectrum.shape, multiplier.shape) != spectrum.shape
        if grows or spectrum.requires_grad or multiplier.requires_grad:
            spectrum = spectrum * multiplier
        else:
            # In small parts: a product with a conjugate writes the conjugate down first.
            for one, factor in zip(spectrum.split(16, -2), multiplier.split(16, -2), strict=True):
                one *= factor
        seen = torch.fft.ifft(spectrum, dim=-3)[..., : wanted[0], :, :]
        filtered: Tensor = torch.fft.irfft2(seen, s=plane)
        return filtered[..., : wanted[1], : wanted[2]]


class VolumeMemory(NamedTuple):
    """What a `VolumeOperator` needs, before it is made.

    Attributes
    ----------
    transfer_bytes
        Of the spectrum of the PSF, which stays.
    work_bytes
        Of the spectra and scenes that one forward or adjoint adds at its peak.
    scene_bytes
        Of one scene.
    """

    transfer_bytes: int
    work_bytes: int
    scene_bytes: int


def volume_memory(image_shape: Sequence[int], margin: Sequence[int], half: Sequence[int]) -> VolumeMemory:
    """Predict the memory of a `VolumeOperator` for one stack.

    Parameters
    ----------
    image_shape
        Planes, rows and columns of the stack.
    margin
        Of the scene on each side.
    half
        Half the PSF, rounded down, along each axis.
    """
    planes, rows, columns = volume_grid(image_shape, margin, half)
    spectrum = 8 * planes * rows * (columns // 2 + 1)
    voxels = math.prod(n + 2 * m for n, m in zip(image_shape, margin, strict=True))
    return VolumeMemory(spectrum, 2 * spectrum + 4 * voxels, 4 * voxels)


def volume_grid(image_shape: Sequence[int], margin: Sequence[int], half: Sequence[int]) -> Zyx:
    """Sides of the Fourier grid: no source reaches a voxel of the stack around its edge, and they factor well."""
    least = [n + m + min(p, n - 1 + m) for n, m, p in zip(image_shape, margin, half, strict=True)]
    least = [max(length, n + 2 * m) for length, n, m in zip(least, image_shape, margin, strict=True)]
    return int(next_fast_len(least[0])), fast_length(least[1]), fast_length(least[2])


def _three(values: Sequence[int]) -> Zyx:
    planes, rows, columns = (int(value) for value in values)
    return planes, rows, columns
