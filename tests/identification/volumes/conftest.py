"""Small stacks of points and short lines, thin and thick, seen through one pupil."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator, ZernikeFamily
from napari_deepblur.optics import Microscope, psf_model, zernike_psf

MICROSCOPE = Microscope(1.2, 0.525, 0.1, 1.33)
THETA = np.array([0.0, 0.06, -0.05, 0.07, -0.04, 0.05, -0.06, 0.05], dtype=np.float32)
NOISE = PoissonGaussianNoise(0.001, 0.003)
SPACING_UM = 0.3
_SIDE, _PSF = 96, 63


class Seen(NamedTuple):
    """A stack, and where its thin specimen lies from the middle, in micrometres."""

    stack: NDArray[np.float32]
    focus_um: float


@pytest.fixture(scope="session")
def family() -> ZernikeFamily:
    return ZernikeFamily(MICROSCOPE, max_amplitude=0.1)


@pytest.fixture(scope="session")
def thin() -> Seen:
    return Seen(_seen(_points(1), np.array([0.2]), planes=5), 0.2)


@pytest.fixture(scope="session")
def thick() -> Seen:
    heights = SPACING_UM * (np.arange(15) - 7)
    return Seen(_seen(_points(len(heights)), heights, planes=7), 0.0)


def _points(planes: int) -> NDArray[np.float32]:
    """Points and short lines of different brightness, about as many on each plane."""
    rng = np.random.default_rng(3)
    side = _SIDE + _PSF - 1
    scenes = np.full((planes, side, side), 0.02, dtype=np.float32)
    for scene in scenes:
        for _ in range(160 if planes == 1 else 50):
            y, x = rng.uniform(2, side - 12, 2)
            angle, length = rng.uniform(0, np.pi), rng.integers(1, 10)
            rows = (y + np.arange(length) * np.sin(angle)).astype(int)
            columns = (x + np.arange(length) * np.abs(np.cos(angle))).astype(int)
            scene[rows, columns] += rng.lognormal(0, 0.5)
    return scenes


def _seen(scenes: NDArray[np.float32], heights_um: NDArray[np.float64], planes: int) -> NDArray[np.float32]:
    """Planes of peak one around zero, with noise."""
    at = SPACING_UM * (np.arange(planes) - (planes - 1) / 2)
    far = float(np.abs(at[:, None] - heights_um).max()) / MICROSCOPE.pixel_size_um
    model = psf_model(MICROSCOPE.pupil, tuple(range(4, 12)), _PSF, far)
    stack = np.zeros((planes, _SIDE, _SIDE))
    for plane, z in enumerate(at):
        for scene, height in zip(scenes, heights_um, strict=True):
            distance = torch.tensor((z - height) / MICROSCOPE.pixel_size_um)
            blur = ConvolutionOperator(zernike_psf(torch.from_numpy(THETA), model, distance), (_SIDE, _SIDE))
            stack[plane] += blur.forward(torch.from_numpy(scene)).numpy()
    return np.asarray(NOISE.sample(np.clip(stack / stack.max(), 0, None), seed=5), dtype=np.float32)
