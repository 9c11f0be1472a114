"""Telling h(x) from h(-x) by the sparsity of the deconvolved image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_deepblur.identification.orientation import mirror_advantage
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import Pupil, psf_model, zernike_psf

OPTICS = psf_model(Pupil(0.25), (4, 7, 8, 9), 31)
"""Defocus, both comas, trefoil."""


def _spots(psf: Tensor, side: int = 160) -> Tensor:
    scene = torch.zeros(1, 1, side + 30, side + 30)
    torch.manual_seed(1)
    rows, columns = torch.randint(30, side, (2, 25))
    scene[0, 0, rows, columns] = 1 + torch.rand(25)
    return ConvolutionOperator(psf, (side, side)).forward(scene)[0, 0]


@pytest.mark.parametrize("theta", [(0.0, 0.12, 0.0, 0.0), (0.05, 0.0, -0.1, 0.06), (0.1, -0.08, 0.05, -0.1)])
def test_the_right_orientation_is_found_on_a_sparse_scene(theta: tuple[float, ...]) -> None:
    psf = zernike_psf(torch.tensor(theta), OPTICS)
    mirrored = psf.flip(0, 1)
    advantage = mirror_advantage(_spots(psf), 0.0, torch.stack((psf, mirrored)))
    assert advantage[0] < -0.01
    assert advantage[1] > 0.01
    # The mirrored candidate asks the same question the other way round.
    assert advantage[0] == pytest.approx(-advantage[1].item(), rel=1e-3)
    # Noise in the image and in the regularisation does not turn the answer around.
    noisy = _spots(psf)
    noise = 0.02 * noisy.std() * torch.randn(noisy.shape)
    assert mirror_advantage(noisy + noise, 0.02**2, psf[None])[0] < -0.005


def test_units_do_not_matter() -> None:
    psf = zernike_psf(torch.tensor([0.05, 0.0, -0.1, 0.06]), OPTICS)
    image = _spots(psf)
    torch.testing.assert_close(
        mirror_advantage(image, 0.0, psf[None]), mirror_advantage(700 * image + 100, 0.0, psf[None]), rtol=0.01, atol=0
    )


def test_a_symmetric_psf_has_no_orientation() -> None:
    psf = zernike_psf(torch.tensor([0.1, 0.0, 0.0, 0.0]), OPTICS)
    assert mirror_advantage(_spots(psf), 0.0, psf[None]).abs() < 1e-4


def test_images_little_larger_than_the_psf_have_an_answer() -> None:
    psf = zernike_psf(torch.tensor([0.05, 0.0, -0.1, 0.06]), OPTICS)
    assert mirror_advantage(_spots(psf)[60:100, 60:92], 0.0, psf[None]).isfinite().all()
