from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_deepblur.networks.identification import Prediction
from napari_deepblur.optics import Pupil, is_even, psf_model, psf_snr, zernike_psf
from napari_deepblur.training.losses import depth_likelihood, even_signs, mean_psf, psf_error, theta_likelihood

MODES = tuple(range(4, 12))
OPTICS = psf_model(Pupil(0.25), MODES, 15, coarse=True)
SIGNS = even_signs(MODES, torch.device("cpu"))
AMPLITUDE = torch.full((3, 8), 0.15)


def prediction(
    theta: Tensor, std: float = 0.02, candidates: Tensor | None = None, logits: Tensor | None = None
) -> Prediction:
    batch, count = theta.shape
    candidates = theta[:, None] if candidates is None else candidates
    logits = torch.zeros(batch, candidates.shape[1]) if logits is None else logits
    std_of = torch.full((batch, count), math.log(std))
    return Prediction(theta, std_of, candidates, logits.log_softmax(1), torch.zeros(batch))


def test_telling_the_share_of_light_out_of_focus_is_best_and_free_at_the_truth() -> None:
    shares = torch.tensor([0.0, 0.3, 0.9])
    nothing = torch.zeros(3, 8)

    def loss(told: Tensor) -> Tensor:
        return depth_likelihood(prediction(nothing)._replace(out_of_focus=told), shares)

    torch.testing.assert_close(loss(shares), torch.zeros(3))
    assert (loss(torch.tensor([0.1, 0.2, 0.95])) > 0.005).all()
    assert (loss(torch.tensor([1.0, 1.0, 0.0])) > loss(torch.tensor([0.5, 0.5, 0.5]))).all()


def draw() -> Tensor:
    return 0.15 * (2 * torch.rand(3, 8) - 1)


def test_signs_flip_the_even_modes() -> None:
    assert SIGNS.tolist() == [-1.0 if is_even(j) else 1.0 for j in MODES]
    theta = draw()
    torch.testing.assert_close(zernike_psf(theta * SIGNS, OPTICS), zernike_psf(theta, OPTICS), rtol=0, atol=1e-6)


def test_the_likelihood_does_not_change_with_the_even_flip() -> None:
    truth, answer = draw(), draw()
    value = theta_likelihood(prediction(answer), truth, AMPLITUDE, SIGNS)
    assert value.shape == (3,)
    torch.testing.assert_close(theta_likelihood(prediction(answer), truth * SIGNS, AMPLITUDE, SIGNS), value)
    torch.testing.assert_close(theta_likelihood(prediction(answer * SIGNS), truth, AMPLITUDE, SIGNS), value)


def test_but_it_does_change_with_any_other_flip() -> None:
    truth = torch.full((1, 8), 0.05)
    right = theta_likelihood(prediction(truth), truth, AMPLITUDE[:1], SIGNS)
    for flip in (-SIGNS, -torch.ones(8), torch.where(torch.arange(8) == 0, -1.0, 1.0)):
        assert (theta_likelihood(prediction(truth), truth * flip, AMPLITUDE[:1], SIGNS) > right + 1).all()


def test_the_likelihood_is_gaussian_in_units_of_the_box() -> None:
    truth = torch.zeros(1, 8)
    answer = torch.zeros(1, 8)
    answer[0, 3] = 0.03
    value = theta_likelihood(prediction(answer, std=0.015), truth, AMPLITUDE[:1], SIGNS)
    # Mean over eight modes of log(0.015 / 0.15), and one error of two standard deviations.
    assert value.item() == pytest.approx(math.log(0.1) + 0.5 * 4 / 8, rel=1e-5)


def test_the_honest_standard_deviation_is_the_best() -> None:
    truth = 0.03 * torch.randn(4000, 8)
    amplitude = torch.full((4000, 8), 0.15)
    odd = torch.ones(8)
    values = {
        std: theta_likelihood(prediction(torch.zeros(4000, 8), std), truth, amplitude, odd).mean().item()
        for std in (0.015, 0.03, 0.06)
    }
    assert min(values, key=lambda std: values[std]) == 0.03


def test_modes_that_are_switched_off_do_not_count() -> None:
    truth, answer = draw(), draw()
    amplitude = AMPLITUDE.clone()
    amplitude[:, 4:] = 0
    value = theta_likelihood(prediction(answer), truth, amplitude, SIGNS)
    changed = answer.clone()
    changed[:, 4:] += 1.0
    torch.testing.assert_close(theta_likelihood(prediction(changed), truth, amplitude, SIGNS), value)
    assert theta_likelihood(prediction(answer), truth, 0 * amplitude, SIGNS).isfinite().all()


def test_the_mean_psf_weighs_the_candidates() -> None:
    candidates = torch.stack((draw(), draw()), dim=1)
    psfs = zernike_psf(candidates, OPTICS)
    logits = torch.tensor([[0.0, 0.0], [100.0, 0.0], [math.log(3.0), 0.0]])
    mean = mean_psf(prediction(draw(), candidates=candidates, logits=logits), OPTICS)
    expected = torch.stack((psfs[0].mean(0), psfs[1, 0], 0.75 * psfs[2, 0] + 0.25 * psfs[2, 1]))
    torch.testing.assert_close(mean, expected, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(mean.sum((1, 2)), torch.ones(3))


def test_the_psf_error_is_the_psf_snr_in_other_units() -> None:
    true, estimated = zernike_psf(draw(), OPTICS), zernike_psf(draw(), OPTICS)
    error = psf_error(estimated, true)
    torch.testing.assert_close(-10 * torch.log10(error), psf_snr(true, estimated))
    assert torch.equal(psf_error(true, true), torch.zeros(3))


def test_both_losses_lead_from_a_wrong_answer_towards_the_right_one() -> None:
    truth = draw()
    start = (truth + 0.02 * torch.randn(3, 8)).requires_grad_()
    answer = prediction(start)
    loss = psf_error(mean_psf(answer, OPTICS), zernike_psf(truth, OPTICS)) + theta_likelihood(
        answer, truth, AMPLITUDE, SIGNS
    )
    (gradient,) = torch.autograd.grad(loss.sum(), start)
    assert ((gradient * (truth - start)).sum(1) < 0).all()
