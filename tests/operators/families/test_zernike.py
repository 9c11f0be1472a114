from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_deepblur.errors import DeepblurError, FamilyError, ImageError
from napari_deepblur.operators import ArrayOperator, ZernikeFamily
from napari_deepblur.optics import Microscope, psf_model, zernike_psf

MICROSCOPE = Microscope(0.8, 0.5, 0.12, 1.0)


def family(**changes: Any) -> ZernikeFamily:
    return ZernikeFamily(MICROSCOPE, **{"psf_size": 15, **changes})


def test_defaults_are_noll_4_to_11() -> None:
    default = ZernikeFamily(MICROSCOPE)
    assert default.modes == tuple(range(4, 12))
    assert (default.psf_size, default.max_amplitude, default.n_parameters) == (31, "auto", 8)
    assert default.parameter_names[0] == "defocus" and default.parameter_names[-1] == "spherical"
    assert default.even_modes.tolist() == [True, True, True, False, False, False, False, True]


def test_samples_fill_the_box_and_are_reproducible() -> None:
    samples = family(max_amplitude=0.1).sample(4000, seed=3)
    assert samples.shape == (4000, 8) and samples.dtype == np.float32
    assert np.abs(samples).max() <= 0.1
    # Uniform: mean 0 and standard deviation a / sqrt(3), each to four of its own standard errors.
    assert np.abs(samples.mean(0)).max() < 4 * 0.1 / np.sqrt(3 * 4000)
    np.testing.assert_allclose(samples.std(0), 0.1 / np.sqrt(3), rtol=0.04)
    np.testing.assert_array_equal(samples, family(max_amplitude=0.1).sample(4000, seed=3))
    assert (samples != family(max_amplitude=0.1).sample(4000, seed=4)).mean() > 0.99
    assert family().sample(0, seed=0).shape == (0, 8)


def test_a_stated_amplitude_is_the_box_and_an_unstated_one_the_widest() -> None:
    assert (family(max_amplitude=0.1).box, family(max_amplitude=0.1).amplitude_is_stated) == (0.1, True)
    assert (family().box, family().amplitude_is_stated) == (0.3, False)
    assert family().numbers["max_amplitude"] == "auto"
    assert family(max_amplitude=np.float32(0.25)).max_amplitude == 0.25


def test_where_no_amplitude_is_stated_each_octave_is_as_likely() -> None:
    n = 4000
    samples = family().sample(n, seed=3)
    np.testing.assert_array_equal(samples, family().sample(n, seed=3))
    assert np.abs(samples).max() <= 0.3
    # The largest of eight uniform numbers in +-a is a U^(1/8): its logarithm has the mean log a - 1 / 8.
    sizes = np.log(np.abs(samples).max(1)) + 1 / 8
    low, high = np.log(0.02), np.log(0.3)
    assert sizes.mean() == pytest.approx((low + high) / 2, abs=4 * (high - low) / np.sqrt(12 * n))
    variance = (high - low) ** 2 / 12 + 1 / 64
    assert sizes.var() == pytest.approx(variance, rel=0.06)
    # All modes of a draw share their size; the sign is even.
    one, other = np.log(np.abs(samples[:, 0])), np.log(np.abs(samples[:, 5]))
    shared = (high - low) ** 2 / 12
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(shared / (shared + 1), abs=0.05)
    assert abs((samples > 0).mean() - 0.5) < 0.01


def test_coefficients_of_the_same_seed_have_the_same_directions_at_every_amplitude() -> None:
    wide, narrow = (family(max_amplitude=a).sample(5, seed=1) for a in (0.3, 0.06))
    np.testing.assert_allclose(narrow, 0.2 * wide, rtol=1e-6)


def test_the_known_wavefront_is_that_of_the_mismatch() -> None:
    assert (family().known_wavefront == 0).all()
    deep = ZernikeFamily(Microscope(1.2, 0.54, 0.09, 1.33, n_sample=1.40, depth_um=10.0))
    known = deep.known_wavefront
    assert known[-1] > 0.05 and (known[1:-1] == 0).all()
    # Taken away again, less of the mismatch is left: the PSF is nearer to that of no mismatch.
    flat = ZernikeFamily(Microscope(1.2, 0.54, 0.09, 1.33)).psf(np.zeros(8))
    errors = [float(np.square(deep.psf(theta) - flat).sum()) for theta in (np.zeros(8), -known)]
    assert errors[1] < 0.1 * errors[0]


def test_the_psf_is_that_of_the_optics() -> None:
    theta = family().sample(1, 0)[0]
    psf = family().psf(theta)
    assert psf.shape == (15, 15) and psf.dtype == np.float32
    expected = zernike_psf(torch.from_numpy(theta), psf_model(MICROSCOPE.pupil, tuple(range(4, 12)), 15))
    np.testing.assert_array_equal(psf, expected.numpy())


def test_the_psf_is_the_same_at_every_point() -> None:
    theta = family().sample(1, 0)[0]
    psfs = family().psf(theta, [(0, 0), (10.5, 300), (-1, 2)])
    assert psfs.shape == (3, 15, 15)
    assert (psfs == family().psf(theta)).all()
    assert family().psf(theta, np.zeros((0, 2))).shape == (0, 15, 15)


@pytest.mark.parametrize("points", [(1, 2), [(1, 2, 3)], 5])
def test_points_that_are_not_pairs_are_refused(points: Any) -> None:
    with pytest.raises(FamilyError, match=r"points have shape .*expected \(P, 2\)"):
        family().psf(np.zeros(8), points)


def test_fewer_modes_are_a_face_of_more() -> None:
    few = family(modes=(5, 4)).psf([0.1, -0.05])
    np.testing.assert_allclose(few, family().psf([-0.05, 0.1, 0, 0, 0, 0, 0, 0]), atol=1e-7)


def test_the_operator_blurs_with_the_psf() -> None:
    theta = family().sample(1, 1)[0]
    operator = family().operator(theta, (20, 21))
    assert isinstance(operator, ArrayOperator)
    assert (operator.image_shape, operator.scene_shape) == ((20, 21), (34, 35))
    scene = np.zeros((34, 35))
    scene[17, 17] = 1
    np.testing.assert_allclose(operator.forward(scene)[3:18, 3:18], family().psf(theta), atol=1e-6)


def test_a_shape_may_be_any_pair_of_numbers() -> None:
    operator = family().operator(np.zeros(8), [np.int64(20), 21])  # type: ignore[arg-type]
    assert operator.adjoint(np.ones((20, 21))).shape == (34, 35)


def test_the_batched_operator_has_one_blur_for_each_theta() -> None:
    theta = family().sample(3, 0)
    operator = family().linear_operator(torch.from_numpy(theta), (12, 13))
    scene = torch.rand(3, 1, 26, 27)
    blurred = operator.forward(scene)
    assert blurred.shape == (3, 1, 12, 13)
    alone = family().operator(theta[2], (12, 13)).forward(scene[2, 0].numpy())
    np.testing.assert_allclose(blurred[2, 0].numpy(), alone, atol=1e-6)


def test_a_blurred_image_is_differentiable_in_theta() -> None:
    theta = torch.full((1, 8), 0.05, requires_grad=True)
    scene = torch.rand(1, 1, 26, 27)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return 1000 * family().linear_operator(values, (12, 13)).forward(scene).var()

    (gradient,) = torch.autograd.grad(loss(theta), theta)
    step = 0.01 * torch.nn.functional.normalize(gradient)
    with torch.no_grad():
        rise = (loss(theta + step) - loss(theta - step)).item() / 0.02
    assert rise == pytest.approx(gradient.norm().item(), rel=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modes": ()}, "expected different Noll indices"),
        ({"modes": (4, 5, 4)}, r"modes are \(4, 5, 4\), expected different Noll indices"),
        ({"modes": (4, 10000)}, "Noll mode 10000 is too fine to be seen: choose modes up to 496"),
        ({"modes": (1, 4)}, r"Noll mode 1 \(piston\) does not blur.*from 4"),
        ({"modes": (2,)}, "tilt x"),
        ({"modes": (0,)}, "Noll index 0 does not exist"),
        ({"modes": (4.5,)}, r"Noll index 4\.5 does not exist"),
        ({"modes": "45"}, "Noll index '4' does not exist"),
        ({"max_amplitude": 0.0}, r"max_amplitude is 0\.0 waves RMS, expected a value in \(0, 1\] or 'auto'"),
        ({"max_amplitude": -0.1}, "waves RMS"),
        ({"max_amplitude": 1.5}, "waves RMS"),
        ({"max_amplitude": float("nan")}, "max_amplitude is nan"),
        ({"max_amplitude": "0.1"}, "max_amplitude is '0.1' waves RMS, expected a value"),
        ({"psf_size": 30}, "psf_size is 30, expected an odd number"),
        ({"psf_size": 1}, "psf_size is 1"),
        ({"psf_size": 31.5}, r"psf_size is 31\.5 pixels, expected an odd whole number"),
        ({"psf_size": 257}, "psf_size is 257 pixels, expected .* up to 255"),
    ],
)
def test_a_family_that_makes_no_sense_is_diagnosed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FamilyError, match=message):
        family(**changes)


@pytest.mark.parametrize(
    ("theta", "message"),
    [
        (np.zeros(7), r"theta has shape \(7,\), expected \(8,\): .*Noll 4, 5, 6, 7, 8, 9, 10, 11"),
        (np.zeros((1, 8)), r"theta has shape \(1, 8\)"),
        (0.1, r"theta has shape \(\)"),
        ([0, 0, 0, np.nan, 0, 0, 0, 0], "not finite"),
        ([0, 0, 0, np.inf, 0, 0, 0, 0], "not finite"),
        ([0, 35, 0, -60, 0, 0, 0, 0], "up to 60 waves RMS, expected at most 10. Are they in nanometres"),
        ("defocus", "theta is 'defocus', expected 8 numbers"),
        ([[1], [1, 2]], "expected 8 numbers"),
    ],
)
def test_a_theta_that_makes_no_sense_is_diagnosed(theta: Any, message: str) -> None:
    for call in (family().psf, lambda value: family().operator(value, (20, 20))):
        with pytest.raises(FamilyError, match=message):
            call(theta)


def test_the_errors_are_ours_and_value_errors() -> None:
    assert issubclass(FamilyError, DeepblurError) and issubclass(FamilyError, ValueError)
    with pytest.raises(ImageError):
        family().operator(np.zeros(8), (0, 20))
