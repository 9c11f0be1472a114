"""Numbers of a whole image from which its restoration is set, so that all its tiles are restored alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_deepblur.bands import blocks
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.census import moments
from napari_deepblur.operators import LinearOperator
from napari_deepblur.plane import RegionPlane

DARK = 1e-12
"""Intensity below every unit in use: what divisions by an image without any light are kept above."""

BLOCK = 4
"""Side of the blocks whose means are compared, in pixels."""

_STRIP = 512


@dataclass(frozen=True)
class Levels:
    """How bright and how rough an image is, and how it is blurred at a typical place.

    Attributes
    ----------
    mean
        Mean intensity, shape (..., 1, 1).
    contrast
        Standard deviation.
    slope
        Root of the mean square of the differences between neighbours, both axes together.
    blocks
        Mean square of the differences between the means of neighbouring blocks of `BLOCK` pixels in a plane.
    typical
        Makes the blur of the whole image, or of as much of its middle as tells what it does to a scene.
    """

    mean: Tensor
    contrast: Tensor
    slope: Tensor
    blocks: Tensor
    typical: Callable[[], LinearOperator]

    def deviation(self, noise: PoissonGaussianNoise) -> Tensor:
        """Return the standard deviation of the noise at the mean intensity, shape (..., 1, 1).

        At least a thousandth of the image's own deviation, so that no regularisation vanishes altogether.
        """
        light = self.mean.clamp_min(0)
        return (noise.alpha * light + noise.beta**2).sqrt().maximum(1e-3 * self.contrast).clamp_min(DARK)

    def to(self, device: torch.device) -> Levels:
        """Return the numbers on another device; the operator is made where it was to be."""
        moved = {name: getattr(self, name).to(device) for name in ("mean", "contrast", "slope", "blocks")}
        return replace(self, **moved)


def levels_of(image: Tensor, axes: tuple[int, ...], typical: Callable[[], LinearOperator]) -> Levels:
    """Measure an image, shape (..., H, W), or a volume, strip by strip: nothing of its size is held beside it.

    Parameters
    ----------
    image
        y, the whole of it.
    axes
        Those of one image (`LinearOperator.axes`).
    typical
        Makes its blur, or that of its middle.
    """
    mean, contrast = image.mean(dim=axes, keepdim=True), image.std(dim=axes, keepdim=True)
    return Levels(mean, contrast, block_power(image, axes, 1).sqrt(), block_power(image, axes), typical)


def levels_of_plane(plane: RegionPlane, typical: Callable[[], LinearOperator]) -> Levels:
    """Measure a plane that is read by regions; its numbers have the shape (1, 1, 1, 1)."""
    whole = moments(plane)
    sums, counts = np.zeros((2, 2)), np.zeros((2, 2))
    for (rows, columns), _, _ in blocks(plane.shape):
        for row, side in enumerate((1, BLOCK)):
            more = 2 * side - 1
            part = plane[rows.start : rows.stop + more, columns.start : columns.stop + more]
            if min(part.shape) < side:
                continue
            means = torch.nn.functional.avg_pool2d(torch.from_numpy(part)[None], side, stride=1)[0]
            # Each pair of blocks is counted where the first of them begins.
            height, width = rows.stop - rows.start, columns.stop - columns.start
            down = (means[side:] - means[:-side])[:height, :width]
            right = (means[:, side:] - means[:, :-side])[:height, :width]
            for column, steps in enumerate((down, right)):
                sums[row, column] += float(steps.square().sum(dtype=torch.float64))
                counts[row, column] += steps.numel()
    powers = (sums / np.maximum(counts, 1)).mean(axis=1)
    deviation = math.sqrt(whole.variance * whole.number / max(whole.number - 1, 1))
    numbers = (whole.mean, deviation, math.sqrt(powers[0]), powers[1])
    mean, contrast, slope, rough = (torch.full((1, 1, 1, 1), float(number)) for number in numbers)
    return Levels(mean, contrast, slope, rough, typical)


def block_power(image: Tensor, axes: tuple[int, ...], side: int = BLOCK) -> Tensor:
    """Mean square of the differences between the means of neighbouring blocks of a plane, anywhere; (..., 1, 1).

    Zero where a plane is too small for two blocks.
    """
    height = image.shape[-2]
    if min(image.shape[-2:]) < 2 * side:
        return torch.zeros_like(image.mean(dim=axes, keepdim=True))
    squares: list[Tensor] = []
    counts = [0, 0]
    for first in range(0, height, _STRIP):
        beyond = first + _STRIP + 2 * side - 1
        strip = image[..., first:beyond, :]
        means = torch.nn.functional.avg_pool2d(strip.flatten(0, -3)[:, None], side, stride=1)
        means = means.view(*strip.shape[:-2], *means.shape[-2:])
        down, right = means[..., side:, :] - means[..., :-side, :], means[..., side:] - means[..., :-side]
        if beyond < height:
            right = right[..., :_STRIP, :]
        squares.append(torch.stack([part.square().sum(dim=axes, keepdim=True) for part in (down, right)]))
        for part, steps in enumerate((down, right)):
            counts[part] += math.prod(steps.shape[axis] for axis in axes)
        if beyond >= height:
            break
    sums = torch.stack(squares).sum(dim=0)
    return (sums[0] / counts[0] + sums[1] / counts[1]) / 2
