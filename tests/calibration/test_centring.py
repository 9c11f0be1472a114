"""Centring: shifts, light and background come back, and aberrations stay."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.calibration.bead_filter import ball_transfer, bead_filter
from napari_deepblur.calibration.centring import centre, cut, margin_for, outliers
from napari_deepblur.optics import Microscope

K = 25
SIDE = K + 2 * margin_for(K)


def bead(shift: NDArray[np.floating], light: float, background: float) -> NDArray[np.float32]:
    """Two planes: a round spot, and an elongated one beside it, as coma and astigmatism make them."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    y, x = y - shift[0], x - shift[1]
    sharp = np.exp(-(y**2 + x**2) / (2 * 1.6**2)) / (2 * np.pi * 1.6**2)
    long = np.exp(-((y - 1.5) ** 2 / 2.0**2 + x**2 / 3.0**2) / 2) / (2 * np.pi * 6)
    return np.asarray(background + light * np.stack([long, sharp]), dtype=np.float32)


@pytest.fixture(scope="module")
def scene() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    rng = np.random.default_rng(2)
    shifts, light, background = rng.uniform(-1.5, 1.5, (12, 2)), rng.uniform(500, 1500, 12), rng.uniform(10, 30, 12)
    squares = np.stack([bead(s, a, b) for s, a, b in zip(shifts, light, background, strict=True)])
    return shifts, light, background, squares


def test_shift_light_and_background_are_recovered(scene):
    shifts, light, background, squares = scene
    found = centre(squares, K)
    np.testing.assert_allclose(found.shifts, shifts, atol=0.01)
    np.testing.assert_allclose(found.amplitude, light, rtol=2e-3)
    np.testing.assert_allclose(found.background, background, atol=0.02)
    assert found.residual.max() < 1e-4


def test_planes_stay_displaced_against_each_other(scene):
    template = centre(scene[3], K).template
    rows = np.arange(K) - K // 2
    centroids = [rows @ plane.sum(axis=1) / plane.sum() for plane in template]
    np.testing.assert_allclose(centroids, [1.5, 0.0], atol=0.02)
    # The sharp plane is on the middle pixel by definition, and has the sum one.
    np.testing.assert_allclose(template[1].sum(), 1, atol=0.02)


def test_a_foreign_bead_stands_out_and_does_not_move_the_others(scene):
    shifts, _, _, squares = scene
    bad = squares.copy()
    bad[3] += 0.6 * np.roll(squares[4] - squares[4].min(), (4, 5), axis=(1, 2))
    found = centre(bad, K)
    assert outliers(found.residual).tolist() == [index == 3 for index in range(12)]
    others = np.arange(12) != 3
    np.testing.assert_allclose(found.shifts[others], shifts[others], atol=0.03)


def test_noise_costs_little(scene):
    shifts, _, _, squares = scene
    noisy = np.random.default_rng(0).poisson(squares).astype(np.float32)
    assert np.sqrt(np.mean(np.square(centre(noisy, K).shifts - shifts))) < 0.2


def test_cut_takes_the_nearest_pixels():
    stack = np.arange(2 * 30 * 30).reshape(2, 30, 30)
    (square,) = cut(stack, np.array([[14.6, 9.4]]), 5)
    np.testing.assert_array_equal(square, stack[:, 13:18, 7:12])


def test_the_ball_is_that_of_a_projected_sphere():
    n, radius = 129, 8.0
    y, x = np.mgrid[:n, :n] - n // 2
    fine = np.linspace(-0.5, 0.5, 9)
    depth = np.mean(
        [np.sqrt(np.maximum(radius**2 - (y + a) ** 2 - (x + b) ** 2, 0)) for a in fine for b in fine], axis=0
    )
    numeric = np.fft.rfft2(np.fft.ifftshift(depth / depth.sum())).real
    np.testing.assert_allclose(ball_transfer((n, n), 2 * radius)[:12, :12], numeric[:12, :12], atol=0.01)


def test_the_filter_undoes_the_ball_within_the_band_and_passes_nothing_beyond():
    microscope = Microscope(1.4, 0.52, 0.065, 1.515)
    shape = (64, 64)
    both = bead_filter(shape, microscope, 0.1) * ball_transfer(shape, 0.1 / 0.065)
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64))
    inside = frequency < 2 * microscope.cutoff
    assert np.abs(both[inside] - 1).max() < 0.02
    assert not bead_filter(shape, microscope, None)[frequency > 2 * microscope.cutoff + 0.06].any()
