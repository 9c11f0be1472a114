"""Wiener: the dense solution, the prior measured from the image, and what lambda does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.solvers import wiener
from napari_deepblur.solvers.differences import Differences
from napari_deepblur.solvers.levels import levels_of
from napari_deepblur.solvers.wiener import neighbour_deviation

gradient = Differences((1.0, 1.0)).gradient


def dense(linear: Any, shape: tuple[int, int]) -> Tensor:
    """Matrix of a linear map on scenes of that shape, float64, column by column."""
    basis = torch.eye(shape[0] * shape[1]).view(-1, 1, *shape)
    return (
        linear(basis).flatten(1).double().T
        if linear is not gradient
        else gradient(basis).transpose(0, 1).flatten(1).double().T
    )


def test_it_is_the_dense_solution() -> None:
    psf = torch.rand(5, 5)
    operator = ConvolutionOperator(psf / psf.sum(), (14, 12))
    image = torch.rand(1, 1, 14, 12)
    noise = (0.002, 0.02)
    *_, state = wiener(operator, image, noise, strength=0.7, iterations=400, tolerance=0.0)
    levels = levels_of(image, (-2, -1), lambda: operator)
    sigma = levels.deviation(PoissonGaussianNoise(*noise))
    weight = 0.7 * (sigma / neighbour_deviation(levels, sigma)).square().double().item()
    a, d = dense(operator.forward, (18, 16)), dense(gradient, (18, 16))
    expected = torch.linalg.solve(a.T @ a + weight * d.T @ d, a.T @ image.flatten().double())
    torch.testing.assert_close(state.estimate.flatten().double(), expected, rtol=0, atol=2e-4)


def test_the_residual_estimates_the_error(problem: Any) -> None:
    *_, exact = wiener(problem.operator, problem.image, problem.noise, iterations=300, tolerance=0.0)
    states = list(wiener(problem.operator, problem.image, problem.noise, iterations=200, tolerance=1e-3))
    assert states[-1].residual <= 1e-3
    error = (states[-1].estimate - exact.estimate)[..., 15:-15, 15:-15].norm()
    assert float(error / exact.estimate[..., 15:-15, 15:-15].norm()) < 10e-3


def test_the_prior_is_measured_through_the_blur(problem: Any) -> None:
    frequency = torch.hypot(torch.fft.fftfreq(94)[:, None], torch.fft.fftfreq(94))
    spectrum = 1 / frequency.clamp_min(1 / 94)
    scene = torch.fft.ifft2(torch.fft.fft2(torch.randn(8, 1, 94, 94)) * spectrum).real
    expected = gradient(scene).square().mean(dim=(0, 2, 3, 4)).sqrt()
    sigma = torch.full((8, 1, 1, 1), 0.3) * expected.mean()
    blurred = problem.operator.forward(scene)
    noisy = blurred + sigma * torch.randn(blurred.shape)
    ratio = neighbour_deviation(levels_of(noisy, (-2, -1), lambda: problem.operator), sigma).flatten() / expected
    assert 0.6 < float(ratio.mean()) < 1.3


@pytest.mark.parametrize("noise", [(0.0, 0.001), (0.0, 0.1)])
def test_more_noise_or_strength_gives_a_smoother_scene(problem: Any, noise: tuple[float, float]) -> None:
    roughness = []
    for strength in (0.1, 1.0, 10.0):
        *_, state = wiener(problem.operator, problem.image, noise, strength=strength)
        roughness.append(float(gradient(state.estimate).norm()))
    assert roughness[0] > roughness[1] > roughness[2]
