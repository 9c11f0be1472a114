"""What is expected of an estimate follows from its signs, in the order that the network was learned with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_deepblur.errors import WeightsError
from napari_deepblur.identification.expectation import expect, suspicions, suspicions_of_pixels
from napari_deepblur.identification.signs import signs_foreseen
from napari_deepblur.io.weights import find_weights, load_expectation, save_weights
from napari_deepblur.networks.expectation import ExpectationConfig, ExpectationNetwork, mean_decibels
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope

QUIET = {
    "blocks": 0.0,
    "rows": 0.0,
    "beyond": 0.0,
    "corner": 0.0,
    "levels": 12.0,
    "clipped": 0.0,
    "contrast": 2.0,
    "misfit": 0.0,
    "out_of_focus": 0.0,
    "side": 320.0,
}


def test_the_odds_of_all_classes_are_one() -> None:
    network = load_expectation()
    odds = network(torch.randn(5, len(network.config.signs)))
    torch.testing.assert_close(odds.sum(1), torch.ones(5))
    assert mean_decibels(torch.eye(8))[0] < 0 < mean_decibels(torch.eye(8))[1]


def test_narrow_and_agreeing_is_better_than_wide_and_disagreeing() -> None:
    network = load_expectation()
    names, centre, scale = network.config.signs, network.centre, network.scale

    def at(**moved: float) -> dict[str, float]:
        values = {name: float(centre[i]) for i, name in enumerate(names)}
        steps = {name: by * float(scale[names.index(name)]) for name, by in moved.items()}
        return QUIET | values | {name: values[name] + step for name, step in steps.items()}

    sure = expect(at(spread=-1.5, std=-1.5, gap=-1.5, misfit=-1.0), network)
    unsure = expect(at(spread=1.5, std=1.5, gap=1.5, misfit=1.0), network)
    assert sure.wrong < 0.1 < 0.4 < unsure.wrong
    assert sure.psf_snr_db > unsure.psf_snr_db + 5


def test_the_order_of_the_signs_is_the_network_s() -> None:
    torch.manual_seed(0)
    network = ExpectationNetwork(ExpectationConfig(("misfit", "rows"), hidden=4, members=2))
    swapped = dict(reversed(list((QUIET | {"misfit": 1.0}).items())))
    assert expect(swapped, network) == expect(QUIET | {"misfit": 1.0}, network)


def test_signs_that_a_network_does_not_give_count_as_ordinary_ones() -> None:
    network = ExpectationNetwork(ExpectationConfig(("misfit", "foreseen"), hidden=4, members=2))
    network.centre.copy_(torch.tensor([0.1, 0.7]))
    assert expect(QUIET, network) == expect(QUIET | {"foreseen": 0.7}, network)
    assert expect(QUIET, network) != expect(QUIET | {"foreseen": 2.0}, network)


def test_signs_of_what_is_foreseen() -> None:
    sure, wrong = torch.zeros(8), torch.tensor([0.3, 0.2, 0.5, 0, 0, 0, 0, 0])
    sure[-1] = 1
    assert signs_foreseen(wrong)["foreseen_wrong"] == pytest.approx(0, abs=1e-6)
    assert signs_foreseen(sure)["foreseen_wrong"] < -9 and signs_foreseen(sure)["foreseen"] > 2


@pytest.mark.parametrize(
    ("sign", "value", "word"),
    [
        ("blocks", 0.5, "JPEG"),
        ("rows", 2.0, "interlaced"),
        ("levels", 4.0, "grey"),
        ("corner", -2.0, "smoothed"),
        ("out_of_focus", 0.6, "volume"),
    ],
)
def test_suspicions_say_what_and_only_that(sign: str, value: float, word: str) -> None:
    assert suspicions(QUIET) == ()
    (said,) = suspicions(QUIET | {sign: value})
    assert word in said


@pytest.mark.parametrize(("sign", "value"), [("blocks", 0.3), ("corner", -0.9)])
def test_what_chance_gives_in_a_small_image_is_not_suspected(sign: str, value: float) -> None:
    assert suspicions(QUIET | {sign: value}) and not suspicions(QUIET | {sign: value, "side": 48.0})
    assert suspicions(QUIET | {sign: 3 * value, "side": 48.0})


def test_an_image_of_a_given_blur_is_suspected_by_its_pixels_alone() -> None:
    rng = np.random.default_rng(0)
    noise, optics = PoissonGaussianNoise(0.0, 5.0), Microscope(pixel_size_um=0.09)
    image = gaussian_filter(rng.uniform(0, 2000, (160, 200)), 2) + rng.normal(0, 5, (160, 200))
    smoothed = gaussian_filter(image, 1).astype(np.float32)
    assert suspicions_of_pixels(image.astype(np.float32), optics, noise) == ()
    (said,) = suspicions_of_pixels(smoothed, optics, noise)
    assert "smoothed" in said
    assert suspicions_of_pixels(smoothed, None, noise) == ()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_weights(path, ExpectationNetwork(ExpectationConfig(("a", "b"))), {})
    assert load_expectation(path).config.signs == ("a", "b")
    with pytest.raises(WeightsError, match="ExpectationNetwork"):
        load_expectation(find_weights("identification", "light"))
