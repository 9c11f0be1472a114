from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from napari_deepblur.networks.identification import (
    LIGHT,
    PAPER,
    Given,
    IdentificationConfig,
    IdentificationNetwork,
    Prediction,
)
from napari_deepblur.networks.statistics import prepare
from napari_deepblur.networks.trunk import Evidence, reference_cutoff
from napari_deepblur.optics import Pupil, psf_model, psf_snr, zernike_psf

TINY = IdentificationConfig(widths=(8, 16), blocks=(1, 1), map_width=4, hidden=16, candidates=3)
K = len(TINY.modes)
GIVEN = Given(
    noise=torch.tensor([[0.0, 0.0], [0.001, 0.01]]),
    amplitude=torch.full((2, K), 0.15),
    stated=torch.ones(2, 1),
    polarization=torch.tensor([[0.93], [0.0]]),
)


def told(n: int, noise: float = 0.01) -> Given:
    """Say the same of each of n images."""
    return Given(torch.full((n, 2), noise), torch.full((n, K), 0.15), torch.ones(n, 1), torch.full((n, 1), 0.9))


def network(config: IdentificationConfig = TINY) -> IdentificationNetwork:
    """Make a network in evaluation mode whose normalisation has seen images."""
    made = IdentificationNetwork(config)
    with torch.no_grad():
        for _ in range(3):
            made(torch.rand(4, 1, 96, 96), told(4))
    return made.eval().requires_grad_(False)


def images(side: int = 96) -> Tensor:
    return torch.nn.functional.avg_pool2d(torch.rand(2, 1, side + 2, side + 2), 3, 1)


def assert_close(one: Prediction, other: Prediction, atol: float = 1e-4) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=atol)


def test_the_modes_are_noll_4_to_15() -> None:
    assert LIGHT.modes == PAPER.modes == TINY.modes == tuple(range(4, 16))


def test_shapes_and_normalised_weights() -> None:
    prediction = network()(images(), GIVEN)
    assert prediction.theta.shape == prediction.log_std.shape == (2, K)
    assert prediction.candidates.shape == (2, 3, K)
    torch.testing.assert_close(prediction.log_weights.exp().sum(1), torch.ones(2))


@pytest.mark.parametrize("shape", [(64, 64), (65, 130), (200, 71)])
def test_any_size_from_one_window_on(shape: tuple[int, int]) -> None:
    prediction = network()(torch.rand(2, 1, *shape), GIVEN)
    assert prediction.theta.shape == (2, K) and all(value.isfinite().all() for value in prediction)


def test_an_image_is_its_evidence_and_a_decision() -> None:
    net, image = network(), images()
    views = prepare(image)
    assert_close(net.decide(net.gather(views.pixels), views, GIVEN), net(image, GIVEN), 1e-6)


def test_evidence_adds_up() -> None:
    net = network()
    first, second = (net.gather(prepare(images()).pixels) for _ in range(2))
    for sums, one, other in zip(first.plus(second), first, second, strict=True):
        torch.testing.assert_close(sums, one + other)
    assert isinstance(first.plus(second), Evidence)


def test_the_same_area_twice_decides_as_once() -> None:
    net, image = network(), images()
    views = prepare(image)
    once = net.gather(views.pixels)
    assert_close(net.decide(once.plus(once), views, GIVEN), net.decide(once, views, GIVEN))


def test_two_areas_together_decide_much_as_the_whole() -> None:
    # Windows and receptive fields across the seam are all that is missing.
    net, image = network(), images(512)
    image[..., 256:] = 0.5 + 0.1 * (image[..., 256:] - 0.5)
    views = prepare(image)
    halves = [net.gather(views.pixels[..., half]) for half in (slice(0, 256), slice(256, 512))]
    whole = net.decide(net.gather(views.pixels), views, GIVEN)
    pooled = net.decide(halves[0].plus(halves[1]), views, GIVEN)
    error = (pooled.theta - whole.theta).norm()
    for half in halves:
        alone = net.decide(half, views, GIVEN)
        assert error < 0.1 * (alone.theta - whole.theta).norm()


@pytest.mark.parametrize("gain", [0.2, 3000.0])
def test_the_intensity_scale_does_not_matter_when_the_noise_is_scaled_with_it(gain: float) -> None:
    net, image = network(), images()
    assert_close(net(gain * image, GIVEN._replace(noise=gain * GIVEN.noise)), net(image, GIVEN), 1e-3)


def test_an_offset_does_not_matter_where_the_noise_does_not_depend_on_the_signal() -> None:
    net, image = network(), images()
    read = GIVEN._replace(noise=torch.tensor([[0.0, 0.0], [0.0, 0.01]]))
    assert_close(net(image + 5, read), net(image, read), 1e-3)


@pytest.mark.parametrize(
    "other",
    [
        {"noise": torch.full((2, 2), 0.05)},
        {"stated": torch.zeros(2, 1)},
        {"polarization": torch.full((2, 1), 0.4)},
        {"amplitude": torch.full((2, K), 0.15) * torch.tensor([1.0] * (K - 1) + [0.5])},
    ],
    ids=lambda other: next(iter(other)),
)
def test_all_that_is_given_reaches_the_answer(other: dict[str, Tensor]) -> None:
    """More than by the factor that an amplitude is by definition: coefficients are compared in units of the box."""
    net, image = network(), images()
    changed = GIVEN._replace(**other)
    one, two = (net(image, given).theta / given.amplitude for given in (GIVEN, changed))
    assert (one - two).abs().amax(1).min() > 1e-4


def test_scalar_light_is_no_polarization_whatever_the_aperture() -> None:
    net, image = network(), images()
    lights = [Pupil(0.26, 0.93, light).polarization for light in ("vectorial", "scalar")]
    assert lights == [0.93, 0.0]
    answers = [net(image, GIVEN._replace(polarization=torch.full((2, 1), light))) for light in lights]
    assert_close(Prediction(*(value[:1] for value in answers[0])), Prediction(*(v[:1] for v in net(image, GIVEN))))
    assert_close(Prediction(*(value[1:] for value in answers[1])), Prediction(*(v[1:] for v in net(image, GIVEN))))


def test_the_noise_level_is_that_of_the_mean_intensity_relative_to_the_contrast() -> None:
    net, image = network(), 3 + images()
    seen: list[Tensor] = []
    net.spectrum.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    noise = torch.tensor([[0.002, 0.0], [0.001, 0.03]])
    net(image, GIVEN._replace(noise=noise))
    expected = (noise[:, 0] * image.mean((1, 2, 3)) + noise[:, 1].square()).sqrt() / image.std((1, 2, 3))
    torch.testing.assert_close(seen[0].flatten(), expected, rtol=1e-3, atol=0)


def test_images_of_a_batch_do_not_see_each_other() -> None:
    net, image = network(), images()
    both, alone = net(image, GIVEN), net(image[1:], Given(*(value[1:] for value in GIVEN)))
    assert_close(Prediction(*(value[1:] for value in both)), alone)


def test_modes_that_are_switched_off_are_exactly_zero() -> None:
    amplitude = GIVEN.amplitude.clone()
    amplitude[:, 5:] = 0
    prediction = network()(images(), GIVEN._replace(amplitude=amplitude))
    assert (prediction.theta[:, 5:] == 0).all() and (prediction.candidates[..., 5:] == 0).all()
    assert (prediction.theta[:, :5] != 0).all()
    assert (prediction.log_std[:, 5:].exp() < 1e-4).all()


def test_no_answer_is_less_certain_than_the_box() -> None:
    prediction = network()(images(), GIVEN)
    assert (prediction.log_std <= math.log(0.15 / math.sqrt(3)) + 1e-6).all()


def test_what_knows_nothing_predicts_about_the_mean_psf() -> None:
    # Averages of PSFs from all over the box: a single PSF of random coefficients would come to about 0 dB.
    optics = psf_model(Pupil(reference_cutoff()), LIGHT.modes, 31, coarse=True)
    true = zernike_psf(0.15 * (2 * torch.rand(200, K) - 1), optics)
    config = IdentificationConfig(widths=(8, 16), blocks=(1, 1), map_width=4, hidden=16, candidates=16)
    prediction = network(config)(images(), GIVEN)
    psfs = zernike_psf(prediction.candidates, optics)
    mean = (prediction.log_weights.exp()[..., None, None] * psfs).sum(1)
    best = psf_snr(true, true.mean(0, keepdim=True)).mean()
    assert psf_snr(true, mean[:1]).mean() > best - 1.5


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_constant_image_gets_a_finite_answer(value: float) -> None:
    image = torch.full((2, 1, 80, 80), value)
    assert all(part.isfinite().all() for part in network()(image, GIVEN))
    image[..., 40, 40] += 1e-6
    assert all(part.isfinite().all() for part in network()(image, GIVEN))


def test_the_answer_is_float32_under_autocast() -> None:
    net, image = network(), images()
    expected = net(image, GIVEN)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        prediction = net(image, GIVEN)
    assert {value.dtype for value in prediction} == {torch.float32}
    torch.testing.assert_close(prediction.theta, expected.theta, rtol=0, atol=0.02)


def test_every_weight_is_trained() -> None:
    net = IdentificationNetwork(TINY)
    prediction = net(torch.rand(4, 1, 96, 96), told(4))
    sum(value.square().sum() for value in prediction).backward()  # type: ignore[union-attr]
    missing = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not missing


def test_the_sizes() -> None:
    light, paper = IdentificationNetwork(LIGHT), IdentificationNetwork(PAPER)
    # The paper's ResNet-18; its last layer is not the encoder's, and three channels come in.
    assert sum(p.numel() for p in paper.encoder.parameters()) == pytest.approx(11.2e6, rel=0.01)
    assert sum(p.numel() for p in light.parameters()) < 4e6


def test_a_network_that_tells_depth_says_a_share_and_an_older_one_says_nothing() -> None:
    telling = network(dataclasses.replace(TINY, tells_depth=True))
    assert telling.depth is not None
    telling.depth.weight.normal_()
    told_shares = telling(images(), GIVEN).out_of_focus
    assert told_shares.shape == (2,) and ((told_shares > 0) & (told_shares < 1)).all()
    assert torch.equal(network()(images(), GIVEN).out_of_focus, torch.zeros(2))
    # Weights of before there was depth have the same names but for this one.
    assert set(telling.state_dict()) - set(network().state_dict()) == {"depth.weight", "depth.bias"}


def test_a_network_that_foresees_gives_odds_and_the_same_answers() -> None:
    plain = network()
    foreseeing = IdentificationNetwork(dataclasses.replace(TINY, foresees=8))
    foreseeing.load_state_dict({**foreseeing.state_dict(), **plain.state_dict()})
    foreseeing.eval()
    seen = images()
    here, there = plain(seen, GIVEN), foreseeing(seen, GIVEN)
    assert all(torch.equal(a, b) for a, b in zip(here[:-1], there[:-1], strict=True))
    assert_close(there.odds.sum(1), torch.ones(2))
    # Without a head nothing is foreseen.
    assert here.odds.shape == (2, 0) and there.odds.shape == (2, 8)
    views = prepare(seen)
    understood = foreseeing.understand(foreseeing.gather(views.pixels), views, GIVEN)
    assert understood.shape == (2, IdentificationNetwork.understood_by(foreseeing.config))
