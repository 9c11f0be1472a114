"""What a camera makes of sharp scenes: blurred images of peak one, with noise.

Training has a camera of its own. This one stays as it is when training changes: tables of different days are of the
same images.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import ConvolutionOperator

AT_ONCE = 8
"""Images at a time: the Fourier transforms of many at once need gigabytes."""

_DARKEST = 0.02
"""Scenes whose blurred image stays below are left that dark: their noise would be all there is."""


class Exposed(NamedTuple):
    """Scenes and their images.

    Attributes
    ----------
    scene
        Sharp scenes in units of the image's peak, shape (N, 1, H + k - 1, W + k - 1).
    image
        Blurred images of peak one with noise, shape (N, 1, H, W).
    """

    scene: Tensor
    image: Tensor

    @property
    def sharp(self) -> Tensor:
        """The part of the scenes that the images show, shape (N, 1, H, W)."""
        border = (self.scene.shape[-1] - self.image.shape[-1]) // 2
        return self.scene[..., border : self.scene.shape[-2] - border, border : self.scene.shape[-1] - border]


def expose(scenes: Tensor, psfs: Tensor, noise: tuple[float, float], generator: torch.Generator) -> Exposed:
    """Blur each scene with its own PSF, and spoil it: y = u + sqrt(alpha u + beta^2) eps, u = h * x of peak one.

    Parameters
    ----------
    scenes
        Sharp scenes in [0, 1], shape (N, 1, S, S), S at least the PSF's size.
    psfs
        Shape (N, k, k), sum 1.
    noise
        alpha and beta.
    generator
        Of the noise; the same one gives the same noise pattern at every level.
    """
    parts = [_expose(x, h, noise, generator) for x, h in zip(scenes.split(AT_ONCE), psfs.split(AT_ONCE), strict=True)]
    return Exposed(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _expose(scenes: Tensor, psfs: Tensor, noise: tuple[float, float], generator: torch.Generator) -> Exposed:
    grow = psfs.shape[-1] - 1
    shape = scenes.shape[-2] - grow, scenes.shape[-1] - grow
    blurred = ConvolutionOperator(psfs[:, None], shape).forward(scenes)
    gain = 1 / blurred.amax(dim=(-3, -2, -1), keepdim=True).clamp_min(_DARKEST)
    alpha, beta = (torch.full((len(scenes),), level) for level in noise)
    return Exposed(gain * scenes, sample_noise(gain * blurred, alpha, beta, generator))
