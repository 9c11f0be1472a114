"""Clouds of candidates: weights, flips and the law of total variance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.identification.posterior import Cloud, coefficients, oriented, spectral_share
from napari_deepblur.identification.spectral_fit import SpectralFit
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope

EVEN = torch.tensor([True, True, False, False])


def _cloud(n: int, seed: int) -> Cloud:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(n, generator=generator)
    return Cloud(0.3 * torch.rand(n, 4, generator=generator) - 0.15, weights / weights.sum())


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1))
def test_mixed_weights_sum_to_one_and_keep_their_shares(n: int, m: int, share: float) -> None:
    mixed = _cloud(n, 0).mixed_with(_cloud(m, 1), share)
    assert mixed.weights.sum().item() == pytest.approx(1, abs=1e-5)
    assert mixed.weights[n:].sum().item() == pytest.approx(share, abs=1e-5)
    assert mixed.theta.shape == (n + m, 4)


def test_the_psf_of_a_cloud_is_the_weighted_mean_of_psfs() -> None:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09), modes=(4, 5, 7, 8))
    cloud = _cloud(3, 0)
    expected = sum(w * family.psf(t) for w, t in zip(cloud.weights.numpy(), cloud.theta.numpy(), strict=True))
    psf, _ = cloud.psf_and_spread(family)
    np.testing.assert_allclose(psf, expected, atol=1e-7)
    assert psf.sum().item() == pytest.approx(1, abs=1e-4)


def test_the_spread_is_the_expected_error_of_the_mean_psf() -> None:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09), modes=(4, 5, 7, 8))
    cloud = _cloud(3, 0)
    psf, spread = cloud.psf_and_spread(family)
    errors = [float(((family.psf(t) - psf.numpy()) ** 2).sum()) for t in cloud.theta.numpy()]
    expected = np.average(errors, weights=cloud.weights.numpy()) / float((psf**2).sum())
    assert spread == pytest.approx(expected, rel=1e-4)
    one = Cloud(cloud.theta[:1], torch.ones(1))
    assert one.psf_and_spread(family)[1] == pytest.approx(0, abs=1e-9)


def test_the_mean_and_the_spread_obey_the_law_of_total_variance() -> None:
    """Against samples of the mixture of normal distributions that the cloud stands for."""
    # Close together: no candidate is nearer when it is flipped.
    theta = torch.tensor([[0.10, 0.05, 0.02, -0.03], [0.12, 0.03, 0.05, 0.01], [0.08, 0.06, -0.02, 0.00]])
    weights = torch.tensor([0.5, 0.3, 0.2])
    std = torch.tensor([0.01, 0.02, 0.03])[:, None].expand(3, 4)
    mean, spread = coefficients(Cloud(theta, weights), std, EVEN)
    which = torch.multinomial(weights, 200_000, replacement=True)
    samples = theta[which] + std[which] * torch.randn(200_000, 4)
    torch.testing.assert_close(mean, samples.mean(0), atol=3e-4, rtol=0)
    torch.testing.assert_close(spread, samples.std(0), rtol=0.02, atol=0)


def test_candidates_are_flipped_together_to_the_side_of_the_best() -> None:
    best = torch.tensor([0.10, -0.05, 0.03, 0.02])
    flipped = torch.where(EVEN, -best, best)
    cloud = Cloud(torch.stack((flipped, best, flipped)), torch.tensor([0.3, 0.4, 0.3]))
    mean, spread = coefficients(cloud, torch.zeros(3, 4), EVEN)
    torch.testing.assert_close(mean, best)
    assert spread.max() < 1e-6


def test_odd_modes_are_never_flipped() -> None:
    best = torch.tensor([0.10, -0.05, 0.03, 0.02])
    mirrored = torch.where(EVEN, best, -best)
    mean, spread = coefficients(
        Cloud(torch.stack((best, mirrored)), torch.tensor([0.75, 0.25])), torch.zeros(2, 4), EVEN
    )
    torch.testing.assert_close(mean, torch.where(EVEN, best, 0.5 * best))
    assert spread[0] < 1e-6
    assert spread[2].item() == pytest.approx(0.03 * 3**0.5 / 2, rel=1e-4)


@given(st.integers(1, 12), st.integers(0, 100))
def test_flipping_the_whole_cloud_changes_nothing(n: int, seed: int) -> None:
    cloud = _cloud(n, seed)
    std = torch.full((n, 4), 0.01)
    mean, spread = coefficients(cloud, std, EVEN)
    other, same = coefficients(Cloud(torch.where(EVEN, -cloud.theta, cloud.theta), cloud.weights), std, EVEN)
    torch.testing.assert_close(mean, other)
    assert mean[EVEN][0] >= 0
    torch.testing.assert_close(spread, same)


def test_orientation_moves_weight_between_a_candidate_and_its_mirror_image() -> None:
    theta = _cloud(3, 0).theta
    fit = SpectralFit(theta, torch.tensor([0.5, 0.3, 0.2]).log(), 1.0)
    cloud = oriented(fit, torch.tensor([-0.5, 0.0, 0.5]), EVEN)
    torch.testing.assert_close(cloud.weights, torch.tensor([0.5, 0.15, 0.0, 0.0, 0.15, 0.2]), atol=1e-6, rtol=0)
    torch.testing.assert_close(cloud.theta[3:], torch.where(EVEN, theta, -theta))
    assert cloud.weights.sum().item() == pytest.approx(1)


def test_mirrored_candidates_have_mirrored_psfs() -> None:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09), modes=(4, 5, 7, 8))
    fit = SpectralFit(_cloud(2, 3).theta, torch.tensor([0.5, 0.5]).log(), 1.0)
    theta = oriented(fit, torch.zeros(2), torch.from_numpy(family.even_modes)).theta
    psfs = family.psf_tensor(theta)
    torch.testing.assert_close(psfs[2:], psfs[:2].flip(1, 2), atol=1e-6, rtol=0)


def test_the_spectrum_counts_the_more_the_more_of_it_is_usable() -> None:
    shares = [spectral_share(u) for u in np.linspace(0, 1, 21)]
    assert all(0 <= a <= b <= 1 for a, b in pairwise(shares))
    assert shares[-1] > shares[0]
