"""Training batches for measured PSFs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from napari_deepblur.errors import FamilyError, UndersamplingWarning
from napari_deepblur.operators import EigenPsfFamily, ProductConvolutionFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.training.measured_batches import (
    MeasuredOptics,
    measured_batch,
    network_scale,
    relative_positions,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UndersamplingWarning)
    # At the reference cut-off, so that nothing is resampled.
    SAME_SCALE = Microscope(na=1.2, n_immersion=1.33, wavelength_um=0.5, pixel_size_um=1.41 * 0.1 / 0.54 * 0.5 / 1.2)
CPU = torch.device("cpu")


def _gaussians() -> np.ndarray:
    rows, columns = np.mgrid[-7:8, -7:8]
    psfs = np.stack([np.exp(-((rows - s) ** 2 + columns**2) / (2 * w**2)) for w, s in ((1.2, 0), (2.0, 1), (3.0, 0))])
    return psfs / psfs.sum((1, 2), keepdims=True)


def _thetas() -> np.ndarray:
    rng = np.random.default_rng(3)
    thetas = np.zeros((12, 3, 2))
    thetas[:, :, 0] = rng.dirichlet(np.ones(3), 12)
    thetas[:, 0, 1] = rng.uniform(-0.3, 0.3, 12)
    thetas[:, 2, 1] = -thetas[:, 0, 1]
    return thetas


def _family(microscope: Microscope | None, side: int = 160) -> ProductConvolutionFamily:
    maps = np.stack([np.ones((33, 33)), np.linspace(-1, 1, 33)[:, None] * np.ones((1, 33))])
    return ProductConvolutionFamily(_gaussians(), maps, _thetas(), microscope, field_shape=(side, side))


def test_windows_are_blurred_as_the_family_blurs_that_part_of_the_field() -> None:
    """Without resampling the window's operator is the family's own, at the window's origin."""
    family = _family(SAME_SCALE)
    optics = MeasuredOptics(family, 96, CPU, network_scale(_family(SAME_SCALE)))
    theta = family.sample(2, 4)
    origins = torch.tensor([[10, 40], [64, 0]])
    middles = origins + (96 - 1) / 2
    scenes = torch.rand(2, 1, 110, 110, generator=torch.Generator().manual_seed(0))
    found = optics.operator(theta, middles).forward(scenes)
    for index, (row, column) in enumerate(origins.tolist()):
        expected = family.operator(theta[index], (96, 96), (row, column)).forward(scenes[index, 0].numpy())
        np.testing.assert_allclose(found[index, 0].numpy(), expected, atol=2e-3)


def test_the_truth_is_the_psf_in_the_middle_of_the_window() -> None:
    family = _family(SAME_SCALE)
    optics = MeasuredOptics(family, 96, CPU, network_scale(_family(SAME_SCALE)))
    theta = family.sample(3, 5)
    middles = optics.place(3, torch.Generator().manual_seed(1))
    coordinates, energy = optics.truth(theta, middles)
    c = optics.local.centre + coordinates.numpy() @ optics.local.axes
    for index in range(3):
        expected = family.psf(theta[index], middles[index : index + 1].numpy())[0]
        found = np.einsum("i,iyx->yx", c[index], family.eigen_psfs)
        # The coordinates leave out a thousandth of the energy.
        assert np.linalg.norm(found - expected) < 0.07 * np.linalg.norm(expected)
        assert energy[index] == pytest.approx(np.square(expected).sum(), rel=1e-3)


def test_windows_lie_in_the_field() -> None:
    optics = MeasuredOptics(_family(SAME_SCALE), 96, CPU, network_scale(_family(SAME_SCALE)))
    middles = optics.place(500, torch.Generator().manual_seed(2))
    assert middles.min() >= 47.5 - 1e-3
    assert middles.max() <= 159 - 47.5 + 1e-3
    assert optics.relative(middles).abs().max() < 1


def test_batches_are_spoilt_as_asked_and_repeatable() -> None:
    optics = MeasuredOptics(_family(SAME_SCALE), 96, CPU, network_scale(_family(SAME_SCALE)))
    noise = torch.tensor([[0.0, 0.0], [0.0, 0.1]])
    scene = torch.rand(1, 1, 110, 110, generator=torch.Generator().manual_seed(0)).repeat(2, 1, 1, 1)
    first, again = (measured_batch(optics, scene, noise, 7, torch.Generator().manual_seed(3)) for _ in range(2))
    torch.testing.assert_close(first.image, again.image)
    rough = first.image.diff(dim=-1).std(dim=(-3, -2, -1))
    assert rough[1] > 0.1 > rough[0]
    assert first.position.shape == (2, 2)


def test_small_fields_have_smaller_windows_and_tiny_ones_are_refused() -> None:
    assert MeasuredOptics(_family(SAME_SCALE), 320, CPU, 1.0).window == 160
    with pytest.raises(FamilyError, match="Calibrate a larger field"):
        MeasuredOptics(_family(SAME_SCALE, side=50), 320, CPU, 1.0)


def test_a_family_without_a_microscope_is_refused() -> None:
    with pytest.raises(FamilyError, match="does not say which microscope"):
        network_scale(_family(None))


def test_families_without_a_field_are_everywhere_alike() -> None:
    family = EigenPsfFamily(_gaussians(), _thetas()[:, :, 0], SAME_SCALE)
    optics = MeasuredOptics(family, 96, CPU, network_scale(_family(SAME_SCALE)))
    assert (optics.relative(optics.place(2, torch.Generator())) == 0).all()
    assert (relative_positions(torch.rand(3, 2), None) == 0).all()
    theta = family.sample(1, 0)
    scene = torch.rand(1, 1, 110, 110)
    found = optics.operator(theta, torch.zeros(1, 2)).forward(scene)[0, 0].numpy()
    np.testing.assert_allclose(found, family.operator(theta[0], (96, 96)).forward(scene[0, 0].numpy()), atol=1e-3)
