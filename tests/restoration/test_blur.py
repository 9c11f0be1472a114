"""Blurs of whole images, from which tiles take their operators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_deepblur.identification.field import GRID, even_grid
from napari_deepblur.operators import FieldZernikeFamily, ProductConvolutionFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.restoration.blur import FamilyBlur, blur_between

CPU = torch.device("cpu")


@pytest.fixture
def family() -> ProductConvolutionFamily:
    rng = np.random.default_rng(1)
    maps = np.stack([np.ones((5, 5)), np.linspace(-1, 1, 5)[:, None] * np.ones(5)])
    return ProductConvolutionFamily(rng.uniform(size=(3, 9, 9)), maps, field_shape=(120, 100))


def test_a_tile_has_the_operator_of_its_part_of_the_field(family: ProductConvolutionFamily) -> None:
    """An image that begins at (20, 10) of the field, and a tile that begins at (30, 5) of the image."""
    theta = np.random.default_rng(2).normal(size=6).astype(np.float32)
    scene = torch.rand(1, 1, 48, 58)
    found = FamilyBlur(family, torch.from_numpy(theta), origin=(20, 10)).operator((40, 50), (30, 5), CPU).forward(scene)
    expected = family.operator(theta, (40, 50), (50, 15)).forward(scene[0, 0].numpy())
    np.testing.assert_allclose(found[0, 0].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_between_psfs_of_a_linear_field_the_blur_is_that_field(family: ProductConvolutionFamily) -> None:
    """Splines are exact for maps that are linear in the field."""
    theta = np.random.default_rng(3).normal(size=6).astype(np.float32)
    psfs = family.psf(theta, even_grid((120, 100), (0, 0), 9))
    blur = blur_between(psfs, GRID, 9, (120, 100), 0.1)
    assert blur.spread == 0.1
    scene = torch.rand(1, 1, 128, 108)
    expected = family.operator(theta, (120, 100)).forward(scene[0, 0].numpy())
    found = blur.operator((120, 100), (0, 0), CPU).forward(scene)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_between_aberrated_psfs_the_blur_comes_close() -> None:
    family = FieldZernikeFamily(Microscope(pixel_size_um=0.09), degree=1, field_shape=(200, 200))
    theta = family.sample(1, 4)[0]
    blur = blur_between(family.psf(theta, even_grid((200, 200), (0, 0), 31)), GRID, 31, (200, 200), 0.0)
    scene = torch.rand(1, 1, 230, 230)
    expected = family.operator(theta, (200, 200)).forward(scene[0, 0].numpy())
    found = blur.operator((200, 200), (0, 0), CPU).forward(scene)[0, 0].numpy()
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)
