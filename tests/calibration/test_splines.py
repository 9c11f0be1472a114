"""Splines: planes pass unchanged, SciPy says the same, and leaving out means leaving out."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator

from napari_deepblur.calibration.splines import fit_splines, smooth_images, unit_square

RNG = np.random.default_rng(4)
POINTS = RNG.uniform(size=(20, 2))
ELSEWHERE = RNG.uniform(size=(50, 2))


def _wave(points: np.ndarray) -> np.ndarray:
    return np.sin(3 * points[:, 0]) * np.cos(2 * points[:, 1])


def test_planes_are_reproduced_everywhere():
    plane = 2.0 - POINTS @ [3.0, -1.0]
    spline = fit_splines(POINTS, plane[:, None])
    np.testing.assert_allclose(spline(ELSEWHERE)[:, 0], 2.0 - ELSEWHERE @ [3.0, -1.0], atol=1e-8)
    np.testing.assert_allclose(spline.left_out, 0, atol=1e-9)


def test_agrees_with_scipy_at_the_chosen_smoothness():
    values = np.column_stack([_wave(POINTS), RNG.standard_normal(20)])
    spline = fit_splines(POINTS, values)
    for index, mu in enumerate(spline.smoothness):
        expected = RBFInterpolator(POINTS, values[:, index], kernel="thin_plate_spline", smoothing=mu)(ELSEWHERE)
        np.testing.assert_allclose(spline(ELSEWHERE)[:, index], expected, atol=1e-6)


def test_left_out_residual_is_that_of_refitted_splines():
    values = _wave(POINTS) + 0.1 * RNG.standard_normal(20)
    spline = fit_splines(POINTS, values[:, None])
    errors = []
    for out in range(20):
        others = np.arange(20) != out
        refitted = RBFInterpolator(
            POINTS[others], values[others], kernel="thin_plate_spline", smoothing=spline.smoothness[0]
        )
        errors.append(refitted(POINTS[out : out + 1])[0] - values[out])
    np.testing.assert_allclose(spline.left_out[0], np.sqrt(np.mean(np.square(errors))), rtol=1e-5)


def test_noise_is_smoothed_and_signal_is_not():
    noise = 0.2 * RNG.standard_normal((20, 200))
    plane = (POINTS @ [1.0, 1.0])[:, None]
    spline = fit_splines(POINTS, plane + noise)
    error = spline(ELSEWHERE) - (ELSEWHERE @ [1.0, 1.0])[:, None]
    assert np.sqrt(np.mean(error**2)) < 0.13
    clean = fit_splines(POINTS, _wave(POINTS)[:, None])
    middle = 0.25 + ELSEWHERE / 2
    assert np.sqrt(np.mean((clean(middle)[:, 0] - _wave(middle)) ** 2)) < 0.05


def test_images_are_smoothed_together():
    truth = np.einsum("n,p->np", POINTS[:, 0], np.ones(500))[:, None]
    noisy = (truth + 0.3 * RNG.standard_normal(truth.shape)).astype(np.float32)
    smooth = smooth_images(POINTS, noisy)
    assert smooth.shape == noisy.shape
    # Three parameters of a plane in twenty points.
    assert np.mean((smooth - truth) ** 2) < 0.25 * np.mean((noisy - truth) ** 2)


def test_corner_pixels_are_the_corners_of_the_square():
    np.testing.assert_array_equal(unit_square(np.array([[0, 0], [99, 199]]), (100, 200)), [[0, 0], [1, 1]])
