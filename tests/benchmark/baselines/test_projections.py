from __future__ import annotations

import numpy as np
from scipy.fft import rfft2
from scipy.signal import fftconvolve

from benchmarks.baselines.projections import (
    autocorrelations,
    directions,
    kernel_autocorrelations,
    power_spectrum,
    whitened,
)


def blob(angle_sign: float = 1.0) -> np.ndarray:
    y, x = np.mgrid[-12:13, -12:13]
    kernel = np.exp(-0.5 * ((x + angle_sign * y) / 4.0) ** 2 - 0.5 * ((x - angle_sign * y) / 2.0) ** 2)
    return np.asarray(kernel / kernel.sum())


def test_projections_of_a_kernel_give_its_power_spectrum_back() -> None:
    kernel = blob()
    canvas = np.zeros((65, 65))
    canvas[20:45, 20:45] = kernel
    measured = autocorrelations(canvas, directions(90), 30, 0.0, 0.0)
    np.testing.assert_allclose(2 * measured.sum(1) - measured[:, 0], 1.0, atol=2e-3)
    power = power_spectrum(measured, 64)
    # The slice theorem, at every frequency of the grid; the turned kernel has quite another spectrum.
    np.testing.assert_allclose(power, np.abs(rfft2(kernel, (64, 64))) ** 2, atol=5e-3)
    assert np.abs(power - np.abs(rfft2(blob(-1.0), (64, 64))) ** 2).max() > 0.3


def test_the_kernel_is_found_under_a_level_and_a_scale() -> None:
    true = np.array([[0.4, 0.25, 0.05, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(kernel_autocorrelations(7 * true - 3, np.array([3])), true, atol=1e-12)


def test_whitening_makes_a_power_law_white() -> None:
    rng = np.random.default_rng(0)
    white = rng.standard_normal((128, 128))
    white -= white.mean()
    np.testing.assert_allclose(whitened(whitened(white, 1.0), 0.5), whitened(white, 1.5), atol=1e-9)
    coloured = np.fft.ifft2(np.fft.fft2(white) / _omega(128)).real
    np.testing.assert_allclose(whitened(coloured, 2.0), white, atol=1e-9)


def test_the_noise_is_subtracted_on_average() -> None:
    rng = np.random.default_rng(0)
    noise = 0.3 * rng.standard_normal((300, 300))
    plain = autocorrelations(whitened(noise, 2.0), directions(60), 10, 0.3, 0.0)
    rid = autocorrelations(whitened(noise, 2.0), directions(60), 10, 0.3, 0.0, 0.3, 2.0)
    assert abs(rid[:, 0].mean()) < 0.05 * plain[:, 0].mean()


def test_blurred_white_noise_has_the_autocorrelation_of_the_kernel() -> None:
    kernel = blob()
    scene = np.random.default_rng(0).standard_normal((400, 400))
    measured = autocorrelations(fftconvolve(scene, kernel, mode="valid"), directions(60), 20, 0.3, 2.0)
    canvas = np.zeros((65, 65))
    canvas[20:45, 20:45] = kernel
    expected = autocorrelations(canvas, directions(60), 20, 0.0, 0.0)
    assert np.corrcoef(measured.ravel(), expected.ravel())[0, 1] > 0.9


def _omega(side: int) -> np.ndarray:
    omega = 2 * np.pi * np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    omega[0, 0] = 1.0
    return np.asarray(omega)
