"""Traces of what was done to an image are found, and not where nothing was done."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.traces import find_traces

NOISE = PoissonGaussianNoise(0.0, 0.02)
CUTOFF = 0.15


@pytest.fixture(scope="module")
def clean() -> NDArray[np.float64]:
    smooth = gaussian_filter(np.random.default_rng(0).standard_normal((192, 192)), 3)
    return (smooth - smooth.min()) / np.ptp(smooth)


@pytest.fixture(scope="module")
def image(clean: NDArray[np.float64]) -> NDArray[np.float64]:
    return clean + NOISE.beta * np.random.default_rng(1).standard_normal(clean.shape)


def test_an_image_from_a_camera_has_none(image: NDArray[np.float64]) -> None:
    found = find_traces(image.astype(np.float32), CUTOFF, NOISE)
    for value in (found.blocks, found.rows, found.beyond, found.corner, found.clipped):
        assert abs(value) < 0.15
    assert found.levels > 15


def test_units_and_offsets_do_not_matter(image: NDArray[np.float64]) -> None:
    noise = PoissonGaussianNoise(0.0, 500 * NOISE.beta, 100.0)
    scaled = find_traces((500 * image + 100).astype(np.float32), CUTOFF, noise)
    np.testing.assert_allclose(scaled, find_traces(image.astype(np.float32), CUTOFF, NOISE), atol=0.01)


def test_jpeg_leaves_blocks(image: NDArray[np.float64]) -> None:
    buffer = io.BytesIO()
    Image.fromarray((255 * image.clip(0, 1)).astype(np.uint8)).save(buffer, "JPEG", quality=30)
    compressed = np.asarray(Image.open(buffer), dtype=np.float32)
    assert find_traces(compressed, CUTOFF, PoissonGaussianNoise(0.0, 5.0)).blocks > 0.3


def test_two_moments_leave_rows(clean: NDArray[np.float64], image: NDArray[np.float64]) -> None:
    mixed = image.copy()
    mixed[1::2] = np.roll(mixed, 9, axis=1)[1::2]
    assert find_traces(mixed.astype(np.float32), CUTOFF, NOISE).rows > 1


def test_smoothed_noise_is_missing_at_high_frequencies(image: NDArray[np.float64]) -> None:
    assert find_traces(gaussian_filter(image, 1).astype(np.float32), CUTOFF, NOISE).corner < -2


def test_more_detail_than_the_optics_have_is_beyond_their_band(clean: NDArray[np.float64]) -> None:
    rng = np.random.default_rng(2)
    detail = clean + 0.2 * gaussian_filter(rng.standard_normal(clean.shape), 0.6)
    noisy = detail + NOISE.beta * rng.standard_normal(clean.shape)
    assert find_traces(noisy.astype(np.float32), CUTOFF, NOISE).beyond > 1


def test_few_levels_and_clipping_are_counted(image: NDArray[np.float64]) -> None:
    found = find_traces(np.round(7 * image.clip(0, 0.6)).astype(np.float32), CUTOFF, PoissonGaussianNoise(0.0, 0.3))
    assert found.levels < 3
    assert found.clipped > 0.1


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (1500, 20)])
def test_small_and_long_images(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).random(shape).astype(np.float32)
    assert np.isfinite(find_traces(pixels, CUTOFF, PoissonGaussianNoise(0.0, 0.0))).all()
