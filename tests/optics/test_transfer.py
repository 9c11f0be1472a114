"""The 3-D transfer function against the PSFs of planes, and its symmetries."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics import Microscope, Pupil, psf_model, transfer, transfer_model, zernike_psf

MODES = (5, 7, 8, 11)
THETA = torch.tensor([0.05, -0.07, 0.04, 0.06])
FREQUENCIES = np.array([[0.05, 0.0], [0.1, 0.08], [-0.12, 0.03], [0.2, 0.2], [-0.05, 0.3]])


@pytest.mark.parametrize(
    "microscope",
    [
        Microscope(1.2, 0.525, 0.1, 1.33),
        Microscope(0.75, 0.525, 0.16, 1.0, light="scalar"),
        Microscope(1.2, 0.525, 0.1, 1.33, n_sample=1.40, depth_um=5.0),
    ],
    ids=["water", "air, scalar", "mismatch"],
)
@pytest.mark.parametrize("z", [0.0, 4.0, -9.0])
def test_transform_of_the_psf_at_each_plane(microscope: Microscope, z: float) -> None:
    """H_z(f) of the pairs of points of the pupil is the transform of the PSF at z."""
    model = transfer_model(microscope.pupil, MODES, FREQUENCIES, step=0.004)
    found = (transfer(THETA, model) * torch.exp(2j * math.pi * model.axial * z)).sum(1)
    size = 161
    psf = zernike_psf(THETA, psf_model(microscope.pupil, MODES, size, abs(z)), torch.tensor(z)).numpy()
    pixel = np.arange(size) - size // 2
    rows, columns = (np.exp(-2j * np.pi * np.outer(f, pixel)) for f in FREQUENCIES.T)
    expected = np.einsum("fy,yx,fx->f", rows, psf, columns)
    np.testing.assert_allclose(found.numpy(), expected, atol=0.012)
    assert np.abs(expected).max() > 0.1


def test_opposite_signs_give_the_conjugate_at_the_opposite_axial_frequency() -> None:
    """The spectrum of h(-x, -y, -z) is that of h: a thick specimen does not tell the joint sign."""
    model = transfer_model(Microscope(1.2, 0.525, 0.1, 1.33).pupil, MODES, FREQUENCIES, step=0.01)
    one, other = transfer(THETA, model), transfer(-THETA, model)
    np.testing.assert_allclose(one.abs().numpy(), other.abs().numpy(), atol=1e-6)
    assert float((one - other).abs().max()) > 1e-3


def test_differentiable_in_the_coefficients() -> None:
    model = transfer_model(Microscope(1.2, 0.525, 0.1, 1.33).pupil, MODES, FREQUENCIES, step=0.01)
    theta = THETA.clone().requires_grad_()
    (slope,) = torch.autograd.grad(transfer(theta, model).abs().square().sum(), theta)
    step = torch.tensor([1e-2, 0, 0, 0])
    ahead, behind = (float(transfer(THETA + s * step, model).abs().square().sum()) for s in (1, -1))
    assert float(slope[0]) == pytest.approx((ahead - behind) / 2e-2, rel=0.02)


def test_a_paraxial_pupil_is_refused() -> None:
    with pytest.raises(FamilyError, match="no defocus by a distance"):
        transfer_model(Pupil(0.2), MODES, FREQUENCIES, 0.01)
