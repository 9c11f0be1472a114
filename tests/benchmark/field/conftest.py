"""A small family of blurs that vary over a field."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.optics import Microscope


@pytest.fixture
def family() -> ProductConvolutionFamily:
    """Return Gaussian blurs, wider below than above."""
    rows, columns = np.mgrid[-5:6, -5:6]
    psfs = np.stack([np.exp(-(rows**2 + columns**2) / (2 * width**2)) for width in (0.8, 1.8)])
    psfs /= psfs.sum((1, 2), keepdims=True)
    maps = np.stack([np.ones((9, 9)), np.linspace(-0.3, 0.3, 9)[:, None] * np.ones(9)])
    thetas = np.array([[[0.8, -1.0], [0.2, 1.0]], [[0.2, -0.5], [0.8, 0.5]]])
    return ProductConvolutionFamily(psfs, maps, thetas, Microscope(pixel_size_um=0.09), field_shape=(150, 150))
