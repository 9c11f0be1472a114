"""The affine map to [0, 1] and back, for intensities and for their noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.intensity import AffineScale, unit_scale

IMAGE = np.random.default_rng(0).gamma(2.0, 1.0, (60, 70)).astype(np.float32)


def test_the_percentiles_become_zero_and_one() -> None:
    unit = unit_scale(IMAGE).to_unit(IMAGE)
    np.testing.assert_allclose(np.percentile(unit, (0.1, 99.9)), (0, 1), atol=1e-5)
    # What lies beyond is kept, not clipped.
    assert unit.min() < 0
    assert unit.max() > 1


def test_the_way_back_is_the_inverse() -> None:
    scale = unit_scale(300 * IMAGE + 100)
    back = scale.from_unit(scale.to_unit(300 * IMAGE + 100))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, 300 * IMAGE + 100, rtol=3e-7 * 10)


@given(st.floats(1e-3, 1e4), st.floats(-1e3, 1e3))
def test_units_of_the_camera_do_not_matter(gain: float, offset: float) -> None:
    counts = (gain * IMAGE + offset).astype(np.float32)
    rounding = 1e-6 * (1 + abs(offset) / gain)
    np.testing.assert_allclose(unit_scale(counts).to_unit(counts), unit_scale(IMAGE).to_unit(IMAGE), atol=10 * rounding)


def test_a_few_bright_pixels_on_nothing_still_have_a_scale() -> None:
    image = np.full((64, 64), 5, np.float32)
    image[3, 4] = 25
    unit = unit_scale(image).to_unit(image)
    assert (unit.min(), unit.max()) == (0, 1)


@given(st.floats(0, 10), st.floats(0, 100), st.floats(-50, 0), st.floats(0, 500), st.floats(1, 1e4), st.floats(0, 1.2))
def test_noise_keeps_its_line_of_variance(
    alpha: float, beta: float, dark: float, offset: float, span: float, at: float
) -> None:
    """Intensities v = (u - offset) / span have the variance of u over span^2, dark level below the offset."""
    scale, noise = AffineScale(offset, span), PoissonGaussianNoise(alpha, beta, dark)
    unit = scale.noise_to_unit(noise)
    assert unit.offset == 0
    assert float(unit.variance(at)) == pytest.approx(float(noise.variance(offset + span * at)) / span**2, rel=1e-6)


def test_noise_of_the_mapped_image_is_measured() -> None:
    scale, noise = AffineScale(100.0, 900.0), PoissonGaussianNoise(4.0, 20.0, 50.0)
    flat = np.full((400, 400), 600.0)
    unit = scale.to_unit(noise.sample(flat, 0).astype(np.float32))
    assert unit.var() == pytest.approx(float(scale.noise_to_unit(noise).variance(unit.mean())), rel=0.02)
