from __future__ import annotations

import torch

from napari_deepblur.optics import Pupil, psf_model, zernike_psf
from napari_deepblur.training.pupils import PUPILS, Pupils, draw_pupils

CPU = torch.device("cpu")
MODES = tuple(range(4, 16))


def test_taken_pupils_are_the_models_of_one_pupil_each() -> None:
    pupils = Pupils(0.24, MODES, 31, CPU)
    which = torch.tensor([3, len(PUPILS) - 1, 11, 3])
    theta = 0.1 * torch.randn(4, 12, generator=torch.Generator().manual_seed(0))
    z = torch.tensor([0.0, 2.0, -1.5, 4.0])
    together = zernike_psf(theta, pupils.take(which), z)
    for index, pupil in enumerate(which.tolist()):
        aperture, light = PUPILS[pupil]
        alone = psf_model(Pupil(0.24, aperture, light), MODES, 31)
        torch.testing.assert_close(together[index], zernike_psf(theta[index], alone, z[index]), rtol=0, atol=1e-6)
    # The same coefficients in other light are another PSF.
    same = zernike_psf(theta[:1].expand(2, -1), pupils.take(torch.tensor([3, 19])))
    assert (same[0] - same[1]).abs().max() > 0.02 * same.max()


def test_several_candidates_of_each_image_share_its_pupil() -> None:
    pupils = Pupils(0.24, MODES, 15, CPU, coarse=True)
    which = torch.tensor([0, 18])
    theta = 0.1 * torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(0))
    together = zernike_psf(theta, pupils.take(which))
    one_by_one = torch.stack([zernike_psf(theta[:, m], pupils.take(which)) for m in range(3)], dim=1)
    torch.testing.assert_close(together, one_by_one, rtol=0, atol=1e-6)


def test_the_network_is_told_the_aperture_of_vectorial_light_and_nothing_of_scalar_light() -> None:
    told = Pupils(0.24, MODES, 15, CPU, coarse=True).polarization[:, 0].tolist()
    for (aperture, light), polarization in zip(PUPILS, told, strict=True):
        assert abs(polarization - (aperture if light == "vectorial" else 0.0)) < 1e-6


def test_one_pupil_in_five_is_scalar_and_all_of_a_light_are_as_likely() -> None:
    n = 20_000
    drawn = draw_pupils(n, torch.Generator().manual_seed(0), CPU)
    counts = torch.bincount(drawn, minlength=len(PUPILS)).double() / n
    scalar = torch.tensor([light == "scalar" for _, light in PUPILS])
    assert abs(counts[scalar].sum().item() - 0.2) < 4 * (0.2 * 0.8 / n) ** 0.5
    for light, share in ((scalar, 0.2), (~scalar, 0.8)):
        expected = share / int(light.sum())
        assert (counts[light] - expected).abs().max() < 4 * (expected / n) ** 0.5
    assert torch.equal(drawn, draw_pupils(n, torch.Generator().manual_seed(0), CPU))
