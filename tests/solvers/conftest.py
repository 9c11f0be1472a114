"""A small blurred image whose scene is known, for every solver."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import ConvolutionOperator, ZernikeFamily
from napari_deepblur.optics import Microscope


class Problem(NamedTuple):
    operator: ConvolutionOperator
    scene: Tensor  # (1, 1, 94, 94)
    image: Tensor  # (1, 1, 64, 64)
    noise: tuple[float, float]


@pytest.fixture(scope="session")
def problem() -> Problem:
    """Discs and bars that cross the border of the field, through a defocused and astigmatic PSF."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        family = ZernikeFamily(Microscope())
    theta = torch.tensor([[0.12, 0.08, -0.05, 0.04, 0.0, 0.03, 0.0, 0.02]])
    generator = torch.Generator().manual_seed(5)
    rows, columns = torch.meshgrid(torch.arange(94.0), torch.arange(94.0), indexing="ij")
    scene = torch.full((94, 94), 0.1)
    for row, column, radius, value in torch.rand((26, 4), generator=generator).tolist():
        near = (rows - 94 * row).square() + (columns - 94 * column).square() < (2 + 10 * radius**2) ** 2
        scene[near] = 0.1 + 0.8 * value
    scene[:, 44:47] = 0.9
    operator = family.linear_operator(theta, (64, 64))
    noise = (0.002, 0.01)
    blurred = operator.forward(scene[None, None])
    image = sample_noise(blurred, torch.tensor(noise[0]), torch.tensor(noise[1]), generator)
    return Problem(operator, scene[None, None], image, noise)
