"""The Poisson-Gaussian model: its moments, its change of units, its refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.errors import NoiseError
from napari_deepblur.noise import PoissonGaussianNoise, sample_noise

levels = st.floats(0, 10)


def test_variance_is_a_line_above_the_offset_and_flat_below() -> None:
    noise = PoissonGaussianNoise(0.5, 2.0, offset=100.0)
    np.testing.assert_allclose(noise.variance([0.0, 100.0, 110.0]), [4.0, 4.0, 9.0])


@pytest.mark.parametrize(("alpha", "beta", "offset"), [(0.04, 0.0, 0.0), (0.0, 0.03, 0.0), (0.3, 1.5, 20.0)])
def test_samples_have_the_moments_of_the_model(alpha: float, beta: float, offset: float) -> None:
    noise = PoissonGaussianNoise(alpha, beta, offset)
    u = np.broadcast_to(offset + np.array([[0.0], [0.5], [1.0]]), (3, 200_000))
    y = noise.sample(u, seed=1)
    expected = noise.variance(u[:, 0])
    np.testing.assert_allclose(y.var(axis=1), expected, rtol=0.02)
    np.testing.assert_allclose(y.mean(axis=1), u[:, 0], atol=5 * math.sqrt(expected.max() / 200_000))


def test_samples_are_reproducible_from_the_seed() -> None:
    noise = PoissonGaussianNoise(0.1, 0.1)
    u = np.full((8, 8), 0.5)
    assert np.array_equal(noise.sample(u, 3), noise.sample(u, 3))
    assert not np.array_equal(noise.sample(u, 3), noise.sample(u, 4))


@given(levels, levels, st.floats(-100, 100), st.floats(1e-3, 1e3), st.floats(-50, 50))
def test_rescaled_noise_has_the_variance_of_the_rescaled_image(
    alpha: float, beta: float, offset: float, gain: float, shift: float
) -> None:
    noise = PoissonGaussianNoise(alpha, beta, offset)
    u = offset + np.linspace(-3, 30, 12)
    np.testing.assert_allclose(
        noise.rescaled(gain, shift).variance(gain * u + shift),
        gain**2 * noise.variance(u),
        rtol=1e-9,
        atol=1e-9 * gain**2 * (1 + alpha),
    )


@given(alpha=levels, beta=levels, offset=st.floats(-10, 0))
def test_another_offset_keeps_the_variance_above_it(alpha: float, beta: float, offset: float) -> None:
    noise = PoissonGaussianNoise(alpha, beta, offset)
    u = np.linspace(0, 5, 9)
    np.testing.assert_allclose(noise.referred_to(0.0).variance(u), noise.variance(u), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [(-0.1, 0.0), (0.0, -1e-9), (math.nan, 0.0), (0.0, math.inf), (0.0, 0.0, math.nan), ("much", 0.0)],
)
def test_impossible_parameters_are_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(NoiseError, match="expected"):
        PoissonGaussianNoise(*arguments)


@pytest.mark.parametrize("gain", [0.0, -1.0, math.nan])
def test_a_gain_must_be_positive(gain: float) -> None:
    with pytest.raises(NoiseError, match="expected"):
        PoissonGaussianNoise(0.1, 0.1).rescaled(gain, 0.0)


def test_the_tensor_sampler_gives_each_image_its_own_level() -> None:
    u = torch.full((3, 1, 256, 256), 0.5)
    alpha, beta = torch.tensor([0.0, 0.04, 0.02]), torch.tensor([0.05, 0.0, 0.03])
    generator = torch.Generator().manual_seed(0)
    y = sample_noise(u, alpha, beta, generator)
    torch.testing.assert_close(y.var(dim=(1, 2, 3)), alpha * 0.5 + beta**2, rtol=0.03, atol=0.0)
    torch.testing.assert_close(y.mean(dim=(1, 2, 3)), torch.full((3,), 0.5), rtol=0.0, atol=3e-3)


def test_the_tensor_sampler_treats_negative_light_as_darkness() -> None:
    u = torch.full((1, 1, 128, 128), -0.2)
    assert torch.equal(sample_noise(u, torch.tensor([0.05]), torch.tensor([0.0])), u)
