from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.baselines.goldstein_fattal import (
    SpectralParameters,
    estimate_kernel_spectral,
    kernel_extent,
)
from benchmarks.baselines.sparsity import busiest_patch, gradient_sparsity
from napari_deepblur.errors import ImageError, SettingsError

Array = np.ndarray

QUICK = SpectralParameters(rounds=1, restarts=8, iterations=150)


def test_it_finds_the_motion_of_a_photograph(
    blurred: Array, motion_kernel: Array, naive_snr: float, kernel_snr: Callable[[Array, Array], float]
) -> None:
    found = estimate_kernel_spectral(blurred, 21, parameters=QUICK)
    assert found.shape == (21, 21) and found.min() >= 0
    assert found.sum() == pytest.approx(1.0)
    assert kernel_snr(motion_kernel, found) > max(3.0, naive_snr + 1.5)
    np.testing.assert_array_equal(found, estimate_kernel_spectral(blurred, 21, parameters=QUICK))


def test_the_true_kernel_gives_the_sparser_scene_than_the_turned_one(blurred: Array, motion_kernel: Array) -> None:
    patch = busiest_patch(blurred, 150)
    assert patch.shape == (150, 150)
    assert gradient_sparsity(patch, motion_kernel) < gradient_sparsity(patch, motion_kernel[::-1, ::-1])


def test_the_extent_of_a_bar() -> None:
    kernel = np.zeros((9, 9))
    kernel[4, 2:7] = 0.2
    np.testing.assert_array_equal(kernel_extent(kernel, np.array([0.0, np.pi / 2])), [5, 1])


def test_errors() -> None:
    with pytest.raises(SettingsError):
        estimate_kernel_spectral(np.eye(64), 6)
    with pytest.raises(SettingsError):
        estimate_kernel_spectral(np.eye(64), 5, noise_std=np.nan)
    with pytest.raises(ImageError):
        estimate_kernel_spectral(np.zeros((64, 64)), 5)
