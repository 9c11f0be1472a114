"""The signal-free filters: orthonormal, blind to what a microscope can image, and with known statistics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import oaconvolve

from napari_deepblur.noise.filters import degrees_of_freedom, signal_free_filters


@pytest.mark.parametrize("cutoff", [0.05, 0.2, 0.261, 0.4, None])
def test_filters_are_orthonormal_and_ordered_by_leakage(cutoff: float | None) -> None:
    filters, leakage = signal_free_filters(cutoff)
    flat = filters.reshape(len(filters), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-10)
    assert leakage[0] < 2e-6 and np.all(np.diff(leakage) > -1e-12)


def test_filters_pass_the_corners_of_the_fourier_square_and_nothing_else() -> None:
    cutoff = 0.25
    filters, _ = signal_free_filters(cutoff)
    frequency = np.fft.fftfreq(128)
    radius = np.hypot(frequency[:, None], frequency)
    power = np.abs(np.fft.fft2(filters[:4], s=(128, 128))).mean(axis=0) ** 2
    assert power[radius > 2 * cutoff].sum() / power.sum() > 0.9
    assert power[radius < 0.6 * cutoff].max() < 1e-4 * power.max()


def test_degrees_of_freedom_are_those_of_filtered_white_noise() -> None:
    filters = signal_free_filters(0.261).filters[:5]
    noise = np.random.default_rng(0).standard_normal((808, 808))
    power = sum(oaconvolve(noise, k, "valid") ** 2 for k in filters) / 5
    blocks = power.reshape(100, 8, 100, 8).mean(axis=(1, 3))
    assert blocks.mean() == pytest.approx(1, rel=0.02)
    assert 2 / blocks.var() == pytest.approx(degrees_of_freedom(filters, 8), rel=0.06)
