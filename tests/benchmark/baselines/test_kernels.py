from __future__ import annotations

import numpy as np
import pytest

from benchmarks.baselines.kernels import centred, checked_image, point, pruned, scaled_noise
from napari_deepblur.errors import ImageError, SettingsError


def test_pruning_drops_small_values_negative_ones_and_islands() -> None:
    kernel = np.zeros((9, 9))
    kernel[4, 3:6] = (1.0, 2.0, 1.0)
    kernel[0, 0] = 0.2  # an island of 5 % of the sum
    kernel[4, 6] = 0.01
    kernel[8, 8] = -3.0
    expected = np.zeros((9, 9))
    expected[4, 3:6] = (0.25, 0.5, 0.25)
    np.testing.assert_allclose(pruned(kernel, 0.05, 0.1), expected)


def test_nothing_positive_becomes_a_point() -> None:
    np.testing.assert_array_equal(pruned(np.zeros((5, 5)), 0.05, 0.1), point(5))
    np.testing.assert_array_equal(pruned(-np.ones((5, 5)), 0.05), point(5))


def test_centring_undoes_a_shift() -> None:
    kernel = np.zeros((11, 11))
    kernel[4:7, 4:7] = np.random.default_rng(0).uniform(1, 2, (3, 3))
    kernel = centred(kernel)
    np.testing.assert_allclose(centred(np.roll(kernel, (3, -2), (0, 1))), kernel)
    assert kernel.sum() == pytest.approx(1.0)


def test_images_are_scaled_and_their_noise_with_them() -> None:
    image = np.random.default_rng(0).uniform(100, 300, (40, 50))
    image[0, :2] = 100, 300
    scaled = checked_image(image, 5)
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert scaled_noise(20.0, image) == pytest.approx(0.1)


@pytest.mark.parametrize("size", [4, 1, -3])
def test_sizes_that_cannot_be(size: int) -> None:
    with pytest.raises(SettingsError, match="odd"):
        checked_image(np.eye(50), size)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.eye(9), "larger image"),
        (np.zeros((3, 50, 50)), "two axes"),
        (np.full((50, 50), np.nan), "not finite"),
        (np.full((50, 50), 2.0), "constant"),
    ],
)
def test_images_that_cannot_be(image: np.ndarray, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        checked_image(image, 5)


@pytest.mark.parametrize("noise_std", [-1.0, np.nan, np.inf])
def test_noise_that_cannot_be(noise_std: float) -> None:
    with pytest.raises(SettingsError, match="noise"):
        scaled_noise(noise_std, np.eye(50))
