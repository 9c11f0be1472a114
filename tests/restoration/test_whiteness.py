"""Whiteness of residuals: white noise is found white, whatever its level; structure is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_deepblur.errors import ImageError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.restoration.whiteness import LAGS, residual_whiteness

NOISE = PoissonGaussianNoise(0.005, 0.02)


def clean(shape: tuple[int, int] = (120, 90)) -> np.ndarray:
    smooth = gaussian_filter(np.random.default_rng(1).standard_normal(shape), 4)
    return (smooth - smooth.min()) / np.ptp(smooth)


def test_white_noise_is_white_in_the_stated_share_of_cases() -> None:
    u = clean()
    found = [residual_whiteness(NOISE.sample(u, seed), u, NOISE) for seed in range(200)]
    ratios = np.array([w.ratio for w in found])
    assert np.sqrt(np.mean(ratios**2)) == pytest.approx(1, abs=0.06)
    assert 0.9 < np.mean(ratios < 1.4) <= 1
    inside = np.mean([np.abs(w.autocorrelation) < w.band for w in found])
    # 1600 correlations: 95 % with a standard deviation of about half a percent.
    assert inside == pytest.approx(0.95, abs=0.02)


def test_correlated_noise_has_its_own_autocorrelation() -> None:
    # A mean over two neighbours along the rows: correlation 1/2 at lag 1 along rows, none along columns.
    white = np.random.default_rng(0).standard_normal((300, 301))
    noise = (white[:, 1:] + white[:, :-1]) / 2
    found = residual_whiteness(noise, np.zeros_like(noise), PoissonGaussianNoise(0, 0.7))
    assert found.autocorrelation[0] == pytest.approx(0.25, abs=0.01)
    assert np.abs(found.autocorrelation[1:]).max() < 0.02
    assert found.ratio > 20


def test_a_restoration_that_misses_structure_is_told() -> None:
    u = clean()
    missed = residual_whiteness(NOISE.sample(u, 0), 0.7 * u, NOISE)
    assert missed.ratio > 5 * residual_whiteness(NOISE.sample(u, 0), u, NOISE).ratio
    assert missed.autocorrelation[0] > missed.band[0]


def test_it_does_not_depend_on_units_or_on_an_offset_of_the_residual() -> None:
    u = clean()
    y = NOISE.sample(u, 3)
    reference = residual_whiteness(y, u, NOISE)
    counts = residual_whiteness(4000 * y + 100, 4000 * u + 100, NOISE.rescaled(4000, 100))
    np.testing.assert_allclose(counts.autocorrelation, reference.autocorrelation, atol=1e-9)
    assert counts.ratio == pytest.approx(reference.ratio)


def test_standardising_matters_where_the_noise_does_not() -> None:
    # Bright noise in one half only: without the model the pairs across would weigh differently.
    u = np.where(np.arange(100)[:, None] < 50, 0.0, 1.0) * np.ones((100, 80))
    noise = PoissonGaussianNoise(0.01, 0.001)
    residual = noise.sample(u, 0) - u
    found = residual_whiteness(u + residual, u, noise)
    assert found.ratio < 1.6
    standard = residual / np.sqrt(noise.variance(u))
    standard -= standard.mean()
    pairs = 99 * 80 + 100 * 79
    expected = ((standard[1:] * standard[:-1]).sum() + (standard[:, 1:] * standard[:, :-1]).sum()) / pairs
    assert found.autocorrelation[0] == pytest.approx(expected / np.mean(standard**2))


def test_no_noise_and_no_residual() -> None:
    u, none = clean(), PoissonGaussianNoise(0, 0)
    exact = residual_whiteness(u, u, none)
    assert exact.ratio == 0 and not exact.autocorrelation.any() and (exact.band > 0).all()
    assert residual_whiteness(u + 0.01 * clean()[::-1], u, none).ratio > 5


@pytest.mark.parametrize(
    ("image", "explained", "fragment"),
    [
        (np.zeros((20, 20)), np.zeros((20, 19)), "(20, 19)"),
        (np.zeros((LAGS, 20)), np.zeros((LAGS, 20)), "more than 8"),
        (np.zeros((20, 20, 1)), np.zeros((20, 20, 1)), "(20, 20, 1)"),
        (np.full((20, 20), np.nan), np.zeros((20, 20)), "not finite"),
    ],
)
def test_what_cannot_be_measured(image: np.ndarray, explained: np.ndarray, fragment: str) -> None:
    with pytest.raises(ImageError, match=fragment.replace("(", r"\(").replace(")", r"\)")):
        residual_whiteness(image, explained, NOISE)
