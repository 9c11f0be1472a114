"""Stacks of thick specimens: each plane that a camera takes is the sum of all planes of the specimen, each blurred."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.simulation.geometry import Box
from benchmarks.simulation.images import seed_of
from benchmarks.simulation.specimens import draw_specimen
from benchmarks.simulation.worlds import NOISES, World
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import psf_model, zernike_psf

SPACING_UM = 0.25
_WINDOW = 129
"""Side of the PSFs in pixels: all light of a plane 3 um out of focus at NA 1.2 in water."""


class Stack(NamedTuple):
    """A stack of peak one but for the noise, and the specimen in the same units.

    Attributes
    ----------
    image, sharp
        Shape (D, H, W).
    """

    image: NDArray[np.float32]
    sharp: NDArray[np.float32]


def take_stack(
    world: World, kind: str, planes: int, theta: NDArray[np.float32], noise: str, seed: int, side: int, beyond: int = 0
) -> Stack:
    """Take a stack of one specimen.

    Each plane is the sum of the specimen's planes, each through the PSF at its distance, by convolutions in two
    dimensions as in `thick.ThickCamera`: nothing of the operator that restores is used.

    Parameters
    ----------
    world
        The optics.
    kind
        Of the specimen.
    planes
        Of the stack, SPACING_UM apart.
    theta
        Aberrations, the same in all planes.
    noise
        A key of `NOISES`.
    seed
        Of specimen and noise.
    side
        Of the stack in pixels.
    beyond
        Planes of the specimen above the stack, and below it.
    """
    microscope = world.truth.microscope
    step = SPACING_UM / microscope.pixel_size_um
    deep = planes + 2 * beyond
    wide = side + _WINDOW - 1
    specimen = draw_specimen(kind, Box((deep, wide, wide), (SPACING_UM, *(microscope.pixel_size_um,) * 2)), seed)
    model = psf_model(microscope.pupil, world.truth.modes, _WINDOW, step * (deep - 1))
    waves = torch.from_numpy(np.asarray(theta, np.float32))
    image = torch.zeros(planes, side, side, dtype=torch.float64)
    for distance in range(1 - deep, deep):
        pairs = [(z, z + beyond - distance) for z in range(planes) if 0 <= z + beyond - distance < deep]
        if pairs:
            blur = ConvolutionOperator(zernike_psf(waves, model, torch.tensor(step * distance)), (side, side))
            seen, shining = (list(numbers) for numbers in zip(*pairs, strict=True))
            image[seen] += blur.forward(torch.from_numpy(specimen[shining])).double()
    gain = 1 / float(image.max())
    half = _WINDOW // 2
    sharp = specimen[beyond : beyond + planes, half : half + side, half : half + side]
    noisy = PoissonGaussianNoise(*NOISES[noise]).sample(gain * image.numpy(), seed_of(seed, "noise"))
    return Stack(noisy.astype(np.float32), (gain * sharp).astype(np.float32))
