"""Power and correlation in rings of frequency."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from benchmarks.worlds.bands import BANDS, Rings, measure_rings, total
from benchmarks.worlds.truth import ring_row
from napari_deepblur.errors import SettingsError

RNG = np.random.default_rng(0)
IMAGE = RNG.standard_normal((96, 101))


def test_an_image_has_its_own_power_and_agrees_with_itself() -> None:
    rings = measure_rings(IMAGE, IMAGE, 0.4)
    np.testing.assert_allclose(rings.ratio, 1, rtol=1e-12)
    np.testing.assert_allclose(rings.correlation, 1, rtol=1e-12)
    assert rings.worst_ratio == 0
    shifted = measure_rings(2 * IMAGE + 5, IMAGE, 0.4)
    np.testing.assert_allclose(shifted.ratio, 4, rtol=1e-6)
    np.testing.assert_allclose(measure_rings(-IMAGE, IMAGE, 0.4).correlation, -1, rtol=1e-12)


def test_independent_noise_agrees_with_nothing_and_has_power_of_its_own() -> None:
    other = np.random.default_rng(1).standard_normal(IMAGE.shape)
    rings = measure_rings(other, IMAGE, 0.4)
    assert np.abs(rings.correlation[1:]).max() < 0.2
    np.testing.assert_allclose(rings.ratio[2:], 1, atol=0.4)
    assert rings.worst_ratio == pytest.approx(rings.ratio.max())


def test_power_is_that_of_white_noise_in_every_ring_and_sums_to_its_variance() -> None:
    rings = measure_rings(IMAGE, IMAGE, 0.5)
    # A ring's share of the frequencies, pi (b^2 - a^2) of 1; the variance is that of the image itself.
    edges = 0.5 * np.arange(BANDS + 1) / BANDS
    np.testing.assert_allclose(rings.true[1:], np.pi * np.diff(edges**2)[1:], rtol=0.25)
    assert rings.true.sum() == pytest.approx(np.pi / 4, rel=0.1)


def test_what_a_low_pass_takes_away_is_missing_in_its_rings() -> None:
    smooth = gaussian_filter(IMAGE, 2)
    rings = measure_rings(smooth, IMAGE, 0.4)
    centre = 0.4 * (np.arange(BANDS) + 0.5) / BANDS
    expected = np.exp(-4 * (2 * np.pi * centre) ** 2)
    np.testing.assert_allclose(rings.ratio[:4], expected[:4], rtol=0.25)
    assert (rings.correlation[:4] > 0.9).all()


def test_invented_structure_counts_only_where_the_truth_is_lost() -> None:
    rings = Rings(np.array([2.0, 1.0, 3.0]), np.ones(3), np.array([1.3, 0.2, 0.1]))
    # Correlations 0.92, 0.2, 0.06: the first ring has too much power, but of the truth.
    assert rings.worst_ratio == 3.0
    row = ring_row("sample", "method", [rings, Rings(np.zeros(3), np.ones(3), np.zeros(3))])
    assert row["worst ratio"] == pytest.approx(1.5) and row["worst image"] == pytest.approx(3.0)
    assert len([key for key in row if key.endswith("fc")]) == 3
    np.testing.assert_allclose(total([rings, rings]).ratio, rings.ratio)


def test_images_that_cannot_be_compared() -> None:
    with pytest.raises(SettingsError, match="two equal images"):
        measure_rings(IMAGE, IMAGE[:-1], 0.4)
    with pytest.raises(SettingsError, match="too small"):
        measure_rings(IMAGE[:6, :6], IMAGE[:6, :6], 0.2)
