"""What is left of an image, judged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import EigenPsfFamily, ProductConvolutionFamily
from napari_deepblur.restoration.blur import ConvolutionBlur, FamilyBlur
from napari_deepblur.restoration.residual import residual_image, residual_of
from napari_deepblur.restoration.verdict import Verdict, doubted, judge

NOISE = PoissonGaussianNoise(0.5, 2.0)


def gaussian(width: float) -> np.ndarray:
    y, x = np.mgrid[-7:8, -7:8]
    psf = np.exp(-(y**2 + x**2) / (2 * width**2))
    return np.asarray(psf / psf.sum(), np.float32)


def observe(width: float, side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Make an image, and the scene of the same shape; it goes on beyond the border."""
    rng = np.random.default_rng(0)
    scene = 20 + 4000 * gaussian_filter(rng.random((side + 14, side + 14)) ** 40, 0.7)
    clean = EigenPsfFamily(gaussian(width)[None]).operator([1], (side, side)).forward(scene)
    return NOISE.sample(clean, 1).astype(np.float32), scene[7:-7, 7:-7].astype(np.float32)


def test_the_truth_leaves_nothing_but_noise() -> None:
    image, sharp = observe(1.6)
    verdict = judge(residual_of(image, sharp, ConvolutionBlur(torch.from_numpy(gaussian(1.6)))), NOISE)
    assert verdict is not None and verdict.light == "green" and "looks like noise" in verdict.words
    assert verdict.structure < 0.02
    assert verdict.excess is not None and abs(verdict.excess - 1) < 0.05


def test_a_blur_that_is_too_wide_does_not_explain_the_image() -> None:
    image, sharp = observe(1.0)
    verdict = judge(residual_of(image, sharp, ConvolutionBlur(torch.from_numpy(gaussian(2.5)))), NOISE)
    assert verdict is not None and verdict.light == "red" and "Check the microscope" in verdict.words


def test_a_shifted_offset_is_found_without_noise() -> None:
    image, sharp = observe(1.6)
    noiseless = PoissonGaussianNoise(0, 0)
    clean = EigenPsfFamily(gaussian(1.6)[None]).operator([1], (186, 186)).forward(sharp)
    image = np.pad(clean, 7, mode="edge").astype(np.float32)
    verdict = judge(residual_of(image, sharp, ConvolutionBlur(torch.from_numpy(gaussian(1.6)))), noiseless)
    assert verdict is not None and verdict.excess is None


def test_the_residual_is_that_of_the_place_in_the_field() -> None:
    """The middle of the residual of a varying blur is the residual of all of it, cut."""
    maps = np.stack([np.ones((5, 5)), np.linspace(-1, 1, 5)[:, None] * np.ones(5)])
    family = ProductConvolutionFamily(np.stack([gaussian(1.2), gaussian(2.2)]), maps, field_shape=(90, 80))
    blur = FamilyBlur(family, torch.tensor([0.5, 0.2, 0.5, -0.2]))
    rng = np.random.default_rng(1)
    image, sharp = (rng.random((90, 80)).astype(np.float32) for _ in range(2))
    whole = residual_image(image, sharp, blur)
    assert whole.shape == (76, 66)
    np.testing.assert_allclose(residual_image(image, sharp, blur, 40), whole[18:58, 13:53], atol=1e-5)


def test_nothing_is_said_of_an_image_as_small_as_the_psf() -> None:
    small = np.ones((20, 40), np.float32)
    assert judge(residual_of(small, small, ConvolutionBlur(torch.from_numpy(gaussian(1.6)))), NOISE) is None
    assert residual_image(small[:14], small[:14], ConvolutionBlur(torch.from_numpy(gaussian(1.6)))).size == 0


def test_the_odds_of_a_wrong_blur_decide_where_it_was_found() -> None:
    white = Verdict("green", 0.01, 1.0, 0.05)
    assert doubted(white, 0.02, 14.0, ()).light == "green"
    assert doubted(white, 0.2, 7.0, ()).light == "yellow"
    unlikely = doubted(white, 0.6, 2.0, ("It was compressed.",))
    assert unlikely.light == "red"
    assert "60%" in unlikely.words and unlikely.words.endswith("It was compressed.")


def test_structure_without_noise_is_no_reason_against_a_good_blur_but_much_of_it_is() -> None:
    assert doubted(Verdict("red", 0.3, 1e5, 0.001), 0.02, 20.0, ()).light == "green"
    gross = doubted(Verdict("red", 0.3, 50.0, 0.2), 0.02, 20.0, ())
    assert gross.light == "yellow"
    assert "explains most of the image" in gross.words


def test_a_verdict_is_recorded_as_json_takes_it() -> None:
    verdict = doubted(Verdict("green", 0.01, None), 0.2, 7.0, ("It was compressed.",))
    record = verdict.as_record()
    assert json.loads(json.dumps(record)) == record
    assert record["suspicions"] == ["It was compressed."]


@pytest.mark.parametrize("power", [-60, -20, 20, 80])
def test_the_verdict_does_not_depend_on_the_unit(power: int) -> None:
    """Digits are the same at any power of two; squares of such numbers leave float32."""
    image, sharp = observe(1.6)
    unit = np.float32(2.0**power)
    blur = ConvolutionBlur(torch.from_numpy(gaussian(2.0)))
    verdict = judge(residual_of(image, sharp, blur), NOISE)
    assert verdict is not None and verdict.excess is not None and verdict.unexplained > 0.01
    other = judge(residual_of(unit * image, unit * sharp, blur), NOISE.rescaled(float(unit), 0.0))
    assert other is not None and other.excess is not None
    assert other.light == verdict.light
    assert other.excess == pytest.approx(verdict.excess, rel=1e-4)
    assert other.unexplained == pytest.approx(verdict.unexplained, rel=1e-4)
    assert other.structure == pytest.approx(verdict.structure, rel=1e-4)
