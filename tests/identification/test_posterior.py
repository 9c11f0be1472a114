"""The product of what network and spectrum say: where one is silent it is the other; and signs that none can tell."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from napari_deepblur.identification.posterior import (
    _BAR_WIDTH,
    _CAUTION,
    _LEAST_ERROR,
    DESCENT_STEPS,
    Belief,
    Cloud,
    NetworkPrior,
    coefficients,
    error_bars,
    posterior_steps,
)
from napari_deepblur.identification.spectral_energy import Band, SpectralEnergy
from napari_deepblur.io.scene_spectra import load_scene_spectra
from napari_deepblur.networks.statistics import WINDOW, sum_of_periodograms
from napari_deepblur.operators import ConvolutionOperator, ZernikeFamily
from napari_deepblur.optics import Microscope, Pupil, psf_model, psf_snr, zernike_projection, zernike_psf
from napari_deepblur.progress import finished

module = import_module("napari_deepblur.identification.posterior")

MODES = (4, 6, 7, 8)
EVEN = torch.tensor([True, True, False, False])
FAMILY = ZernikeFamily(Microscope(pixel_size_um=0.09), modes=MODES, max_amplitude=0.15)
OPTICS = psf_model(FAMILY.microscope.pupil, MODES, 31, coarse=True)
SCENES = load_scene_spectra()
BAND = Band(31)


def prior_of(mean: Tensor, std: float | Tensor = 0.03, known: Tensor | None = None) -> NetworkPrior:
    """Say what a network would whose answers are `mean` (T, 4)."""
    mean = torch.as_tensor(mean)
    stds = torch.as_tensor(std).expand(mean.shape)
    weights = torch.full((len(mean),), 1 / len(mean))
    return NetworkPrior(mean, stds, Cloud(mean, weights), EVEN, torch.zeros(4) if known is None else known, 0.15)


def undecided(psfs: Tensor) -> Tensor:
    return psfs.new_zeros(len(psfs))


def believe(
    prior: NetworkPrior, energy: SpectralEnergy, advantage: Callable[[Tensor], Tensor] = undecided, seed: int = 0
) -> Belief:
    steps = posterior_steps(prior, energy, BAND, OPTICS, advantage, seed)
    seen: list[int] = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            assert seen == list(range(1, DESCENT_STEPS + 1))
            return end.value  # type: ignore[no-any-return]


def noise_only() -> SpectralEnergy:
    """Return the energy of a spectrum that holds nothing but noise."""
    return SpectralEnergy(torch.ones(WINDOW, WINDOW // 2 + 1), 100, 1.0, BAND, SCENES)


def sharp(theta: Tensor) -> SpectralEnergy:
    """Return the energy of a large image of white noise, blurred and without any noise of the camera."""
    generator = torch.Generator().manual_seed(1)
    scene = torch.randn(1, 1, 542, 542, generator=generator)
    # Of the spectra that scenes have: white noise is none of them, its integral is.
    frequency = torch.hypot(torch.fft.fftfreq(542)[:, None], torch.fft.rfftfreq(542)[None]).clamp_min(1 / 542)
    scene = torch.fft.irfft2(torch.fft.rfft2(scene) / frequency**1.2, s=(542, 542))
    image = ConvolutionOperator(zernike_psf(theta, OPTICS)[None, None], (512, 512)).forward(scene)
    power, windows = sum_of_periodograms(image / image.std())
    return SpectralEnergy(power[0] / windows, windows, 0.0, BAND, SCENES)


def nearest(theta: Tensor, truth: Tensor) -> Tensor:
    """Errors (N, 4) of coefficients, but for the joint sign of the even modes."""
    flipped = torch.where(EVEN, -theta, theta)
    closer = (flipped - truth).square().sum(-1) < (theta - truth).square().sum(-1)
    return torch.where(closer[..., None], flipped, theta) - truth


def _cloud(n: int, seed: int) -> Cloud:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(n, generator=generator)
    return Cloud(0.3 * torch.rand(n, 4, generator=generator) - 0.15, weights / weights.sum())


def belief_of(cloud: Cloud) -> Belief:
    return Belief(cloud, cloud.theta, cloud.theta[:1], torch.zeros(1))


def test_the_psf_of_a_cloud_is_the_weighted_mean_of_psfs() -> None:
    cloud = _cloud(3, 0)
    expected = sum(w * FAMILY.psf(t) for w, t in zip(cloud.weights.numpy(), cloud.theta.numpy(), strict=True))
    psf, _ = cloud.psf_and_spread(FAMILY)
    np.testing.assert_allclose(psf, expected, atol=1e-7)
    assert psf.sum().item() == pytest.approx(1, abs=1e-4)


def test_the_spread_is_the_expected_error_of_the_mean_psf() -> None:
    cloud = _cloud(3, 0)
    psf, spread = cloud.psf_and_spread(FAMILY)
    errors = [float(((FAMILY.psf(t) - psf.numpy()) ** 2).sum()) for t in cloud.theta.numpy()]
    expected = np.average(errors, weights=cloud.weights.numpy()) / float((psf**2).sum())
    assert spread == pytest.approx(expected, rel=1e-4)
    one = Cloud(cloud.theta[:1], torch.ones(1))
    assert one.psf_and_spread(FAMILY)[1] == pytest.approx(0, abs=1e-9)


def test_the_prior_is_a_mixture_of_gaussians_for_either_sign_of_the_even_modes() -> None:
    mean, std = torch.tensor([[0.1, -0.02, 0.05, 0.0], [0.02, 0.06, -0.05, 0.03]]), torch.tensor([[0.02], [0.05]])
    prior = prior_of(mean, std)
    theta = _cloud(9, 4).theta
    gaussians = [
        torch.distributions.Normal(centre, _CAUTION * width).log_prob(theta).sum(1)
        for centre, width in zip(torch.cat((mean, torch.where(EVEN, -mean, mean))), torch.cat((std, std)), strict=True)
    ]
    expected = torch.stack(gaussians).logsumexp(0)
    found = prior.log_density(theta)
    torch.testing.assert_close(found - found[0], expected - expected[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(prior.log_density(prior.reflected(theta)), found)


def test_reflected_coefficients_have_the_same_psf_and_mirrored_ones_the_psf_turned_round() -> None:
    theta = _cloud(4, 3).theta
    prior = prior_of(theta)
    psfs = FAMILY.psf_tensor(theta)
    torch.testing.assert_close(FAMILY.psf_tensor(prior.reflected(theta)), psfs, atol=1e-6, rtol=0)
    torch.testing.assert_close(FAMILY.psf_tensor(prior.mirrored(theta)), psfs.flip(1, 2), atol=1e-6, rtol=0)
    assert (psfs.flip(1, 2) - psfs).abs().amax((1, 2)).min() > 1e-3


def test_with_a_known_wavefront_it_is_the_sum_that_is_reflected() -> None:
    """A mismatch of the indices adds spherical: PSFs of theta and -theta differ, those of the two sums do not."""
    modes = (4, 7, 11)
    even = torch.tensor([True, False, True])
    microscope = Microscope(1.2, 0.54, 0.09, 1.33, n_sample=1.40, depth_um=10.0)
    known = torch.from_numpy(zernike_projection(microscope.pupil.mismatch, modes)).float()
    assert known.abs().max() > 0.05
    theta = torch.tensor([[0.05, 0.06, -0.04], [-0.08, 0.02, 0.03]])
    prior = NetworkPrior(theta, theta.abs(), Cloud(theta, torch.ones(2) / 2), even, known, 0.15)
    optics = psf_model(microscope.pupil, modes, 31)
    psfs, same, naive = (
        zernike_psf(t, optics) for t in (theta, prior.reflected(theta), torch.where(even, -theta, theta))
    )
    # What Noll 4 and 11 do not describe of the mismatch is not reflected.
    assert psf_snr(psfs, same).min() > psf_snr(psfs, naive).max() + 10
    torch.testing.assert_close(prior.reflected(prior.reflected(theta)), theta)
    mirrored = zernike_psf(prior.mirrored(theta), optics)
    torch.testing.assert_close(mirrored, psfs.flip(1, 2), atol=1e-6, rtol=0)


def test_the_box_has_walls() -> None:
    prior = prior_of(torch.zeros(1, 4))
    inside = torch.tensor([[0.15, -0.15, 0.1, 0.0]])
    assert prior.outside(inside).item() == 0
    assert prior.outside(inside + torch.tensor([0.02, 0, 0, 0])).item() == pytest.approx(4, rel=1e-3)
    starts = prior_of(torch.full((1, 4), 0.14), 0.1).starts(30, torch.Generator().manual_seed(0))
    assert starts.abs().max().item() == pytest.approx(0.15)


def test_starts_are_all_answers_and_draws_around_them() -> None:
    mean = torch.tensor([[0.1, 0.05, -0.05, 0.0], [-0.05, 0.0, 0.08, 0.02]])
    starts = prior_of(mean, 0.01).starts(2000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(starts[:2], mean)
    drawn = starts[2:]
    distances = (drawn[:, None] - mean).square().mean(2).sqrt().amin(1)
    # A third are the candidates themselves.
    assert (distances == 0).float().mean().item() == pytest.approx(1 / 3, abs=0.02)
    assert drawn[distances > 0].sub(drawn[distances > 0]).abs().max() == 0
    assert distances[distances > 0].square().mean().sqrt().item() == pytest.approx(_CAUTION * 0.01, rel=0.05)


@pytest.mark.parametrize("std", [0.015, 0.03])
def test_where_the_spectrum_says_nothing_the_prior_comes_back(std: float) -> None:
    mean = torch.tensor([[0.06, 0.03, 0.05, -0.04]])
    prior = prior_of(mean, std)
    belief = believe(prior, noise_only(), lambda psfs: torch.full((len(psfs),), -1.0))
    theta, spread = coefficients(belief, prior)
    torch.testing.assert_close(theta, mean[0], atol=0.3 * std, rtol=0)
    expected = ((_BAR_WIDTH * _CAUTION * std) ** 2 + _LEAST_ERROR**2) ** 0.5
    assert spread.mean().item() == pytest.approx(expected, rel=0.25)


TRUTH = torch.tensor([0.09, -0.05, 0.06, -0.04])


def told_by_the_image(psfs: Tensor) -> Tensor:
    """Say as a clean image would which of h(x) and h(-x) is nearer to the true PSF."""
    true = zernike_psf(TRUTH, OPTICS)
    return -0.02 * (psfs * (true - true.flip(0, 1))).sum((1, 2)).sign()


@pytest.mark.parametrize("offset", [0.03, 0.05])
def test_a_sharp_spectrum_finds_the_truth_from_a_prior_that_is_not_quite_right(offset: float) -> None:
    wrong = TRUTH + offset * torch.tensor([[-1.0, 0.8, -1.0, 1.0]])
    prior = prior_of(wrong, 0.04)
    belief = believe(prior, sharp(TRUTH), told_by_the_image)
    true = FAMILY.psf_tensor(TRUTH)
    before, after = psf_snr(true, FAMILY.psf_tensor(wrong[0])), psf_snr(true, belief.cloud.psf_and_spread(FAMILY)[0])
    assert before < 8
    assert after > 24
    theta, spread = coefficients(belief, prior)
    assert nearest(theta, TRUTH).abs().max() < 0.012
    assert spread.max() < 0.02


def test_the_more_certain_of_the_two_wins() -> None:
    """A prior as sure as it is wrong holds the answer back, a vague one lets the spectrum speak."""
    wrong = TRUTH + torch.tensor([[-0.04, 0.04, -0.04, 0.04]])
    energy = sharp(TRUTH)
    errors = []
    for std in (0.002, 0.05):
        prior = prior_of(wrong, std)
        theta, _ = coefficients(believe(prior, energy, told_by_the_image), prior)
        errors.append(nearest(theta, TRUTH).norm().item())
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_what_the_image_says_of_the_orientation_decides_between_mirror_images(sign: float) -> None:
    energy = sharp(TRUTH)
    prior = prior_of(torch.stack((TRUTH, torch.where(EVEN, TRUTH, -TRUTH))), 0.04)
    belief = believe(prior, energy, lambda psfs: sign * told_by_the_image(psfs))
    psf, true = belief.cloud.psf_and_spread(FAMILY)[0], zernike_psf(TRUTH, OPTICS)
    wanted, other = (true, true.flip(0, 1)) if sign > 0 else (true.flip(0, 1), true)
    assert psf_snr(wanted, psf) > 20 > 10 > psf_snr(other, psf)
    # Where neither image nor network can tell, both count the same.
    even_handed, _ = believe(prior, energy).cloud.psf_and_spread(FAMILY)
    asymmetry = (true - true.flip(0, 1)).abs().max()
    assert (even_handed - even_handed.flip(0, 1)).abs().max() < 0.1 * asymmetry


def test_the_orientation_that_the_network_believes_in_counts() -> None:
    psf, _ = believe(prior_of(TRUTH[None], 0.02), sharp(TRUTH)).cloud.psf_and_spread(FAMILY)
    assert psf_snr(FAMILY.psf_tensor(TRUTH), psf) > 20


def test_weights_sum_to_one_and_the_seed_decides() -> None:
    prior, energy = prior_of(_cloud(8, 1).theta, 0.03), sharp(TRUTH)
    one, again, other = (believe(prior, energy, seed=seed) for seed in (3, 3, 4))
    assert one.cloud.weights.sum().item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(one.cloud.theta, again.cloud.theta) and torch.equal(one.wide, again.wide)
    assert one.cloud.theta.shape == one.wide.shape == (len(one.cloud.weights), 4)
    assert one.cloud.theta.abs().max() <= 0.15
    # Draws differ, what they say does not.
    psfs = [belief.cloud.psf_and_spread(FAMILY)[0] for belief in (one, other)]
    assert psf_snr(*psfs) > 25


def test_the_cloud_is_narrower_than_the_error_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = prior_of(torch.tensor([[0.06, 0.03, 0.05, -0.04]]), 0.02)

    monkeypatch.setattr(module, "_WIDTH", 0.0)
    narrow = believe(prior, noise_only(), lambda psfs: torch.full((len(psfs),), -1.0))
    # Without any width there is one member for each maximum and its mirror image.
    assert len(narrow.cloud.theta.unique(dim=0)) <= 2 * module._MAXIMA
    assert narrow.cloud.psf_and_spread(FAMILY)[1] < 0.02
    assert coefficients(narrow, prior)[1].mean().item() == pytest.approx(_BAR_WIDTH * _CAUTION * 0.02, rel=0.25)


def test_the_mean_and_the_spread_are_those_of_the_weighted_members() -> None:
    # Close together: no member is nearer when it is flipped.
    theta = torch.tensor([[0.10, 0.05, 0.02, -0.03], [0.12, 0.03, 0.05, 0.01], [0.08, 0.06, -0.02, 0.00]])
    weights = torch.tensor([0.5, 0.3, 0.2])
    mean, spread = coefficients(belief_of(Cloud(theta, weights)), prior_of(theta))
    expected = weights @ theta
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(spread, (weights @ (theta - expected).square() + _LEAST_ERROR**2).sqrt())


def test_members_are_flipped_together_to_the_side_of_the_best() -> None:
    best = torch.tensor([0.10, -0.05, 0.03, 0.02])
    flipped = torch.where(EVEN, -best, best)
    cloud = Cloud(torch.stack((flipped, best, flipped)), torch.tensor([0.3, 0.4, 0.3]))
    mean, spread = coefficients(belief_of(cloud), prior_of(cloud.theta))
    torch.testing.assert_close(mean, best)
    assert spread.max().item() == pytest.approx(_LEAST_ERROR)


def test_odd_modes_are_never_flipped() -> None:
    best = torch.tensor([0.10, -0.05, 0.03, 0.02])
    mirrored = torch.where(EVEN, best, -best)
    cloud = Cloud(torch.stack((best, mirrored)), torch.tensor([0.75, 0.25]))
    mean, spread = coefficients(belief_of(cloud), prior_of(cloud.theta))
    torch.testing.assert_close(mean, torch.where(EVEN, best, 0.5 * best))
    assert spread[0].item() == pytest.approx(_LEAST_ERROR)
    assert spread[2].item() == pytest.approx((0.03**2 * 3 / 4 + _LEAST_ERROR**2) ** 0.5, rel=1e-4)


@given(st.integers(1, 12), st.integers(0, 100), st.floats(-0.1, 0.1))
def test_reflecting_the_whole_cloud_changes_nothing(n: int, seed: int, defocus: float) -> None:
    """Also where a wavefront is known: it is the sum's first even mode that is returned positive."""
    cloud = _cloud(n, seed)
    prior = prior_of(cloud.theta, known=torch.tensor([defocus, 0.02, 0.0, 0.0]))
    mean, spread = coefficients(belief_of(cloud), prior)
    other, same = coefficients(belief_of(Cloud(prior.reflected(cloud.theta), cloud.weights)), prior)
    torch.testing.assert_close(mean, other, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(spread, same, atol=1e-5, rtol=1e-3)
    assert (mean + prior.known)[0] >= -1e-6


def test_an_index_mismatch_is_no_part_of_theta() -> None:
    """The microscope knows its mismatch: a deep sample with the same aberrations has the same coefficients."""
    truth = torch.tensor([0.05, -0.05, 0.06, -0.04])
    known = torch.tensor([0.06, 0.0, 0.0, 0.0])
    prior = prior_of((truth + known)[None] - known, 0.03, known)
    optics = psf_model(Pupil(0.25, 0.9), MODES, 31, coarse=True)
    theta, _ = coefficients(finished(posterior_steps(prior, noise_only(), BAND, optics, undecided)), prior)
    torch.testing.assert_close(theta[:2], truth[:2], atol=0.015, rtol=0)


def test_error_bars_are_shorter_for_clean_images() -> None:
    std = torch.tensor([0.02, 0.004])
    clean, photons, high, worse = (error_bars(std, variance) for variance in (0.0, 2.6e-5, 1.65e-3, 1.0))
    torch.testing.assert_close(clean, torch.tensor([0.016, 0.004]))
    assert torch.equal(clean, photons) and clean[0] < high[0]
    torch.testing.assert_close(worse, 1.1 * std)
