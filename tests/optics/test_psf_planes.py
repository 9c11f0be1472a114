"""PSFs of many planes are those of one plane at its distance, and turn over with the sign of the even modes."""

from __future__ import annotations

import torch

from napari_deepblur.optics import Microscope, psf_model, psf_planes, psf_planes_model, zernike_psf

PUPIL = Microscope(0.8, 0.5, 0.1, 1.0).pupil


def test_each_plane_is_the_psf_at_its_distance() -> None:
    theta = torch.tensor([[0.1, -0.05], [0.0, 0.1]])
    planes = psf_planes(theta, psf_planes_model(PUPIL, (6, 11), 15, 2.0, 3))
    assert planes.shape == (2, 7, 15, 15)
    model = psf_model(PUPIL, (6, 11), 15, 6.0)
    for plane in range(7):
        one = zernike_psf(theta, model, torch.tensor(2.0 * (plane - 3)))
        torch.testing.assert_close(planes[:, plane], one, atol=1e-6, rtol=0)


def test_turning_the_even_modes_over_turns_the_planes_over() -> None:
    model = psf_planes_model(PUPIL, (6, 11), 15, 3.0, 4)
    planes = psf_planes(torch.tensor([0.1, -0.08]), model)
    turned = psf_planes(torch.tensor([-0.1, 0.08]), model)
    torch.testing.assert_close(turned.flip(0), planes, atol=1e-6, rtol=0)
    assert (planes.flip(0) - planes).norm() > 0.1 * planes.norm()


def test_a_negative_step_is_a_stack_in_the_other_order() -> None:
    theta = torch.tensor([0.1])
    up, down = (psf_planes(theta, psf_planes_model(PUPIL, (11,), 9, step, 2)) for step in (2.0, -2.0))
    torch.testing.assert_close(down, up.flip(0))
