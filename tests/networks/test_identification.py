from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_deepblur.networks.identification import (
    LIGHT,
    PAPER,
    IdentificationConfig,
    IdentificationNetwork,
    Prediction,
)
from napari_deepblur.networks.statistics import prepare
from napari_deepblur.networks.trunk import Evidence, reference_cutoff
from napari_deepblur.optics import Pupil, psf_model, psf_snr, zernike_psf

TINY = IdentificationConfig(widths=(8, 16), blocks=(1, 1), map_width=4, hidden=16, candidates=3)
AMPLITUDE = torch.full((2, 8), 0.15)
NOISE = torch.tensor([[0.0, 0.0], [0.001, 0.01]])


def network(config: IdentificationConfig = TINY) -> IdentificationNetwork:
    """Make a network in evaluation mode whose normalisation has seen images."""
    made = IdentificationNetwork(config)
    with torch.no_grad():
        for _ in range(3):
            made(torch.rand(4, 1, 96, 96), torch.full((4, 2), 0.01), torch.full((4, 8), 0.15))
    return made.eval().requires_grad_(False)


def images(side: int = 96) -> Tensor:
    return torch.nn.functional.avg_pool2d(torch.rand(2, 1, side + 2, side + 2), 3, 1)


def assert_close(one: Prediction, other: Prediction, atol: float = 1e-4) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=atol)


def test_shapes_and_normalised_weights() -> None:
    prediction = network()(images(), NOISE, AMPLITUDE)
    assert prediction.theta.shape == prediction.log_std.shape == (2, 8)
    assert prediction.candidates.shape == (2, 3, 8)
    torch.testing.assert_close(prediction.log_weights.exp().sum(1), torch.ones(2))


@pytest.mark.parametrize("shape", [(64, 64), (65, 130), (200, 71)])
def test_any_size_from_one_window_on(shape: tuple[int, int]) -> None:
    prediction = network()(torch.rand(2, 1, *shape), NOISE, AMPLITUDE)
    assert prediction.theta.shape == (2, 8) and all(value.isfinite().all() for value in prediction)


def test_an_image_is_its_evidence_and_a_decision() -> None:
    net, image = network(), images()
    views = prepare(image)
    assert_close(net.decide(net.gather(views.pixels), views, NOISE, AMPLITUDE), net(image, NOISE, AMPLITUDE), 1e-6)


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
    assert_close(net.decide(once.plus(once), views, NOISE, AMPLITUDE), net.decide(once, views, NOISE, AMPLITUDE))


def test_two_areas_together_decide_much_as_the_whole() -> None:
    # Windows and receptive fields across the seam are all that is missing.
    net, image = network(), images(512)
    image[..., 256:] = 0.5 + 0.1 * (image[..., 256:] - 0.5)
    views = prepare(image)
    halves = [net.gather(views.pixels[..., half]) for half in (slice(0, 256), slice(256, 512))]
    whole = net.decide(net.gather(views.pixels), views, NOISE, AMPLITUDE)
    pooled = net.decide(halves[0].plus(halves[1]), views, NOISE, AMPLITUDE)
    error = (pooled.theta - whole.theta).norm()
    for half in halves:
        alone = net.decide(half, views, NOISE, AMPLITUDE)
        assert error < 0.1 * (alone.theta - whole.theta).norm()


@pytest.mark.parametrize("gain", [0.2, 3000.0])
def test_the_intensity_scale_does_not_matter_when_the_noise_is_scaled_with_it(gain: float) -> None:
    net, image = network(), images()
    assert_close(net(gain * image, gain * NOISE, AMPLITUDE), net(image, NOISE, AMPLITUDE), 1e-3)


def test_an_offset_does_not_matter_where_the_noise_does_not_depend_on_the_signal() -> None:
    net, image, read = network(), images(), torch.tensor([[0.0, 0.0], [0.0, 0.01]])
    assert_close(net(image + 5, read, AMPLITUDE), net(image, read, AMPLITUDE), 1e-3)


def test_the_noise_level_is_looked_at() -> None:
    net, image = network(), images()
    quiet, loud = (net(image, torch.full((2, 2), level), AMPLITUDE).theta for level in (0.0, 0.05))
    assert (quiet - loud).abs().max() > 1e-5


def test_the_noise_level_is_that_of_the_mean_intensity_relative_to_the_contrast() -> None:
    net, image = network(), 3 + images()
    seen: list[Tensor] = []
    net.spectrum.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    noise = torch.tensor([[0.002, 0.0], [0.001, 0.03]])
    net(image, noise, AMPLITUDE)
    expected = (noise[:, 0] * image.mean((1, 2, 3)) + noise[:, 1].square()).sqrt() / image.std((1, 2, 3))
    torch.testing.assert_close(seen[0].flatten(), expected, rtol=1e-3, atol=0)


def test_images_of_a_batch_do_not_see_each_other() -> None:
    net, image = network(), images()
    both, alone = net(image, NOISE, AMPLITUDE), net(image[1:], NOISE[1:], AMPLITUDE[1:])
    assert_close(Prediction(*(value[1:] for value in both)), alone)


def test_modes_that_are_switched_off_are_exactly_zero() -> None:
    amplitude = AMPLITUDE.clone()
    amplitude[:, 5:] = 0
    prediction = network()(images(), NOISE, amplitude)
    assert (prediction.theta[:, 5:] == 0).all() and (prediction.candidates[..., 5:] == 0).all()
    assert (prediction.theta[:, :5] != 0).all()
    assert (prediction.log_std[:, 5:].exp() < 1e-4).all()


def test_no_answer_is_less_certain_than_the_box() -> None:
    prediction = network()(images(), NOISE, AMPLITUDE)
    assert (prediction.log_std <= math.log(0.15 / math.sqrt(3)) + 1e-6).all()


def test_what_knows_nothing_predicts_about_the_mean_psf() -> None:
    # Averages of PSFs from all over the box: a single PSF of random coefficients would come to about 0 dB.
    optics = psf_model(Pupil(reference_cutoff()), LIGHT.modes, 31, coarse=True)
    true = zernike_psf(0.15 * (2 * torch.rand(200, 8) - 1), optics)
    config = IdentificationConfig(widths=(8, 16), blocks=(1, 1), map_width=4, hidden=16, candidates=16)
    prediction = network(config)(images(), NOISE, AMPLITUDE)
    psfs = zernike_psf(prediction.candidates, optics)
    mean = (prediction.log_weights.exp()[..., None, None] * psfs).sum(1)
    best = psf_snr(true, true.mean(0, keepdim=True)).mean()
    assert psf_snr(true, mean[:1]).mean() > best - 1.5


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_constant_image_gets_a_finite_answer(value: float) -> None:
    image = torch.full((2, 1, 80, 80), value)
    assert all(part.isfinite().all() for part in network()(image, NOISE, AMPLITUDE))
    image[..., 40, 40] += 1e-6
    assert all(part.isfinite().all() for part in network()(image, NOISE, AMPLITUDE))


def test_the_answer_is_float32_under_autocast() -> None:
    net, image = network(), images()
    expected = net(image, NOISE, AMPLITUDE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        prediction = net(image, NOISE, AMPLITUDE)
    assert {value.dtype for value in prediction} == {torch.float32}
    torch.testing.assert_close(prediction.theta, expected.theta, rtol=0, atol=0.02)


def test_every_weight_is_trained() -> None:
    net = IdentificationNetwork(TINY)
    prediction = net(torch.rand(4, 1, 96, 96), torch.full((4, 2), 0.01), torch.full((4, 8), 0.15))
    sum(value.square().sum() for value in prediction).backward()  # type: ignore[union-attr]
    missing = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not missing


def test_the_sizes() -> None:
    light, paper = IdentificationNetwork(LIGHT), IdentificationNetwork(PAPER)
    # The paper's ResNet-18; its last layer is not the encoder's, and three channels come in.
    assert sum(p.numel() for p in paper.encoder.parameters()) == pytest.approx(11.2e6, rel=0.01)
    assert sum(p.numel() for p in light.parameters()) < 4e6
