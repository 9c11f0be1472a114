"""What is expected of an estimate follows from its signs, in the order that the network was learned with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_deepblur.errors import WeightsError
from napari_deepblur.identification.expectation import expect, suspicions
from napari_deepblur.identification.signs import signs_foreseen
from napari_deepblur.io.weights import find_weights, load_expectation, save_weights
from napari_deepblur.networks.expectation import ExpectationConfig, ExpectationNetwork, mean_decibels

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


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_weights(path, ExpectationNetwork(ExpectationConfig(("a", "b"))), {})
    assert load_expectation(path).config.signs == ("a", "b")
    with pytest.raises(WeightsError, match="ExpectationNetwork"):
        load_expectation(find_weights("identification", "light"))
