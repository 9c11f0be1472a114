"""Resampling of band-limited images, and of the noise on them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from napari_deepblur.identification.resampling import resample
from napari_deepblur.noise import PoissonGaussianNoise

NOISELESS = PoissonGaussianNoise(0.0, 0.0)


def _band_limited(shape: tuple[int, int], share: float) -> np.ndarray:
    """Random image whose cosine spectrum ends at a share of each axis."""
    spectrum = np.zeros(shape)
    rows, columns = (int(share * length) for length in shape)
    spectrum[:rows, :columns] = np.random.default_rng(0).standard_normal((rows, columns))
    spectrum[0, 0] = 40
    return idctn(spectrum, norm="ortho").astype(np.float32)


@pytest.mark.parametrize("factor", [0.37, 0.5, 1.3, 2.0])
def test_the_mean_is_kept(factor: float) -> None:
    image = np.random.default_rng(0).uniform(1, 3, (61, 84)).astype(np.float32)
    assert resample(image, NOISELESS, factor)[0].mean() == pytest.approx(float(image.mean()), rel=1e-5)


@pytest.mark.parametrize(("factor", "share"), [(0.5, 0.45), (0.75, 0.7), (1.5, 1.0), (2.0, 1.0)])
def test_a_band_limited_image_comes_back_unchanged(factor: float, share: float) -> None:
    image = _band_limited((60, 80), share)
    there, _ = resample(image, NOISELESS, factor)
    assert there.shape == (60 * factor, 80 * factor)
    assert there.dtype == np.float32
    back, _ = resample(there, NOISELESS, 1 / factor)
    np.testing.assert_allclose(back, image, atol=2e-5 * float(np.abs(image).max()))


def test_a_wave_keeps_its_amplitude_and_its_place() -> None:
    def wave(length: int) -> np.ndarray:
        # Seven half periods over the field: an eigenfunction of the mirrored extension.
        return np.cos(np.pi * 7 * (np.arange(length) + 0.5) / length)

    there, _ = resample(np.outer(wave(50), np.ones(40)).astype(np.float32), NOISELESS, 1.6)
    np.testing.assert_allclose(there, np.outer(wave(80), np.ones(64)), atol=1e-5)


def test_a_difference_of_less_than_a_percent_changes_nothing() -> None:
    image, noise = _band_limited((40, 40), 1.0), PoissonGaussianNoise(0.1, 0.2)
    there, level = resample(image, noise, 1.005)
    assert there is image
    assert level is noise


def test_scaled_noise_is_what_an_experiment_with_white_noise_shows() -> None:
    noise = PoissonGaussianNoise(0.04, 0.1)
    clean = np.full((300, 320), 2.0)
    noisy = noise.sample(clean, 0).astype(np.float32)
    smaller, level = resample(noisy, noise, 0.5)
    assert smaller.var() == pytest.approx(float(level.variance(2.0)), rel=0.03)
    # Twice the pixels hold no more frequencies: the level within the old band is what the model describes.
    larger, level = resample(noisy, noise, 2.0)
    inside = dctn(larger - larger.mean(), norm="ortho")[:300, :320]
    assert inside.var() == pytest.approx(float(level.variance(2.0)), rel=0.03)
