"""Patch by patch, blended."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from benchmarks.field.patchwise import restore_patchwise
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.restoration.restorers import SolverRestorer

CPU = torch.device("cpu")


def test_patches_are_blended_into_what_the_whole_gives(family: ProductConvolutionFamily) -> None:
    """With the same PSF everywhere patchwise restoration is nearly that of the whole image."""
    uniform = ProductConvolutionFamily(family.eigen_psfs, np.ones((1, 9, 9)), field_shape=(200, 180))
    theta = np.array([0.5, 0.5], np.float32)
    scene = gaussian_filter(np.random.default_rng(0).uniform(size=(210, 190)), 1).astype(np.float32)
    image = uniform.operator(theta, (200, 180)).forward(scene)
    noise, solver = PoissonGaussianNoise(0, 1e-3), SolverRestorer("wiener", None, None)
    found = restore_patchwise(image, uniform, theta, noise, solver, CPU)
    sharp = scene[5:-5, 5:-5]
    assert found.shape == image.shape
    assert np.square(found - sharp).mean() < 0.5 * np.square(image - sharp).mean()
