from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import fftconvolve

from benchmarks.baselines.l0_gradient import differences, estimate_kernel_l0, few_edges, fit_kernel
from napari_deepblur.errors import ImageError, SettingsError

Array = np.ndarray


def test_it_finds_the_motion_of_a_photograph(
    blurred: Array, motion_kernel: Array, naive_snr: float, kernel_snr: Callable[[Array, Array], float]
) -> None:
    found = estimate_kernel_l0(blurred, 21)
    assert found.shape == (21, 21) and found.min() >= 0
    assert found.sum() == pytest.approx(1.0)
    assert kernel_snr(motion_kernel, found) > max(4.0, naive_snr + 2.5)


def test_units_do_not_matter() -> None:
    image = np.random.default_rng(0).uniform(size=(40, 40)).cumsum(0).cumsum(1)
    np.testing.assert_allclose(estimate_kernel_l0(300 * image + 100, 5), estimate_kernel_l0(image, 5), atol=1e-3)


def test_the_kernel_step_recovers_the_kernel_of_a_known_scene() -> None:
    rng = np.random.default_rng(0)
    scene, kernel = rng.uniform(size=(60, 64)), rng.uniform(size=(5, 5))
    image = fftconvolve(scene, kernel, mode="same")
    found = fit_kernel(differences(scene), differences(image), 5, 0.0, np.zeros((5, 5)))
    # The border of half a kernel is left out, so that zeros beyond the scene do no harm.
    np.testing.assert_allclose(found, kernel, atol=2e-3)


def test_the_image_step_flattens_noise_and_keeps_an_edge() -> None:
    step = np.zeros((64, 64))
    step[:, 16:48] = 1.0
    noisy = step + 0.02 * np.random.default_rng(0).standard_normal(step.shape)
    point = np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    scene = few_edges(noisy, point, 0.01)
    assert np.abs(scene - step).max() < 0.05
    assert scene[:, 20:44].std() < 0.005


def test_errors() -> None:
    with pytest.raises(SettingsError):
        estimate_kernel_l0(np.eye(64), 6)
    with pytest.raises(SettingsError):
        estimate_kernel_l0(np.eye(64), 5, noise_std=-1)
    with pytest.raises(ImageError):
        estimate_kernel_l0(np.eye(64), 63)
