from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_deepblur.identification.test_time_augmentation import (
    Opinion,
    decide_turned,
    gather_turned,
    plus,
    usable_turns,
)
from napari_deepblur.networks.identification import Given, IdentificationConfig, IdentificationNetwork
from napari_deepblur.networks.statistics import prepare
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.optics import TURNS, Pupil, psf_model, turned, zernike_psf

MODES = tuple(range(4, 16))
GIVEN = Given(torch.tensor([[1e-3, 3e-3]]), torch.full((1, 12), 0.15), torch.ones(1, 1), torch.full((1, 1), 0.93))
OPTICS = psf_model(Pupil(reference_cutoff(), 0.93), MODES, 31)


@pytest.fixture
def network() -> IdentificationNetwork:
    torch.manual_seed(0)
    config = IdentificationConfig((4, 4), (1, 1), modes=MODES, stem_stride=4, map_width=4, hidden=8, candidates=3)
    made = IdentificationNetwork(config).eval()
    # Opinions that differ clearly from image to image.
    torch.nn.init.normal_(made.answer.weight, std=1.0)
    return made


def ask(network: IdentificationNetwork, image: Tensor, given: Given = GIVEN) -> Opinion:
    views = prepare(image)
    with torch.inference_mode():
        evidence = gather_turned(network, views.pixels)
        return decide_turned(network, evidence, views, given)


def mean_psf(opinion: Opinion) -> Tensor:
    psfs = zernike_psf(opinion.cloud.theta, OPTICS)
    return (opinion.cloud.weights[:, None, None] * psfs).sum(0)


@pytest.mark.parametrize("turn", TURNS[1:])
def test_the_psf_of_a_turned_image_is_the_turned_psf(network: IdentificationNetwork, turn: tuple[int, bool]) -> None:
    image = torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(1))
    as_it_is, after = mean_psf(ask(network, image)), mean_psf(ask(network, turned(image, turn)))
    torch.testing.assert_close(after, turned(as_it_is, turn), rtol=0, atol=1e-4)
    # Which the network by itself does not achieve.
    with torch.inference_mode():
        alone = [network(i, GIVEN) for i in (image, turned(image, turn))]
    psfs = [zernike_psf(p.candidates[0, 0], OPTICS) for p in alone]
    assert (psfs[1] - turned(psfs[0], turn)).abs().max() > 1e-3


def test_there_are_candidates_of_all_turns_and_their_weights_sum_to_one(network: IdentificationNetwork) -> None:
    opinion = ask(network, torch.rand(1, 1, 96, 130))
    assert opinion.cloud.theta.shape == (24, 12)
    assert opinion.mean.shape == opinion.std.shape == (8, 12)
    assert opinion.cloud.weights.sum().item() == pytest.approx(1, abs=1e-5)
    # Each turn has the same say.
    torch.testing.assert_close(opinion.cloud.weights.view(8, 3).sum(1), torch.full((8,), 1 / 8))
    assert bool((opinion.std > 0).all())


def test_amplitudes_are_turned_with_the_image_and_answers_turned_back(network: IdentificationNetwork) -> None:
    """The box of each mode stays its own: oblique astigmatism that is switched off is off in every turn."""
    amplitude = torch.zeros(1, 12)
    amplitude[0, [MODES.index(j) for j in (4, 6, 7)]] = torch.tensor([0.2, 0.1, 0.05])
    opinion = ask(network, torch.rand(1, 1, 96, 96), GIVEN._replace(amplitude=amplitude))
    off = amplitude[0] == 0
    assert bool((opinion.mean[:, off] == 0).all()) and bool((opinion.cloud.theta[:, off] == 0).all())
    assert bool((opinion.mean[:, ~off] != 0).all())
    assert bool((opinion.std <= amplitude.clamp_min(1e-4) / 3**0.5 + 1e-6).all())


def test_evidence_is_pooled_turn_by_turn(network: IdentificationNetwork) -> None:
    pixels = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        once = gather_turned(network, pixels)
        twice = plus(plus(None, once), once)
    for one, two in zip(once, twice, strict=True):
        torch.testing.assert_close(two.features, 2 * one.features)
        torch.testing.assert_close(two.counts, 2 * one.counts)


def test_turns_that_lead_out_of_the_modes_are_left_out(network: IdentificationNetwork) -> None:
    assert usable_turns(network) == TURNS
    few = IdentificationNetwork(IdentificationConfig((4,), (1,), 4, 4, 8, modes=(4, 7), candidates=2))
    # Half turns, and reflections of either axis, keep the sine coma to itself; quarter turns make it a cosine.
    assert len(usable_turns(few)) == 4 and all(quarters % 2 == 0 for quarters, _ in usable_turns(few))
