"""Richardson-Lucy: positivity, rising likelihood, conserved light, and the Poisson background."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.solvers import richardson_lucy
from napari_deepblur.solvers.differences import Differences
from napari_deepblur.solvers.levels import levels_of
from napari_deepblur.solvers.richardson_lucy import poisson_background

gradient = Differences((1.0, 1.0)).gradient


def divergence(operator: ConvolutionOperator, scene: Tensor, counts: Tensor, background: float) -> float:
    """Minus the Poisson log-likelihood of the counts, up to a constant, summed in float64."""
    mean = (operator.forward(scene) + background).double().clamp_min(1e-9)
    return float((mean - counts.double() * mean.log()).sum())


@pytest.mark.parametrize("noise", [(0.001, 0.0), (0.001, 0.01)])
def test_the_likelihood_rises_at_every_iteration_and_light_stays_positive(
    problem: Any, noise: tuple[float, float]
) -> None:
    background = noise[1] ** 2 / noise[0]
    counts = (problem.image + background).clamp_min(0)
    losses = []
    for state in richardson_lucy(problem.operator, problem.image, noise, iterations=40, strength=0.0):
        losses.append(divergence(problem.operator, state.estimate, counts, background))
        assert state.estimate.min() >= 0
    assert all(after < before + 1e-6 * abs(before) for before, after in pairwise(losses))
    assert losses[-1] < losses[0] - 1


def test_the_penalised_likelihood_rises_at_every_iteration(problem: Any) -> None:
    background = float(poisson_background(problem.image.mean(), PoissonGaussianNoise(*problem.noise)))
    counts = (problem.image + background).clamp_min(0)
    unit = counts.mean()
    kappa = (
        0.3
        * float(
            levels_of(problem.image, (-2, -1), lambda: problem.operator).deviation(PoissonGaussianNoise(*problem.noise))
        )
        / float(unit)
    )
    losses = []
    for state in richardson_lucy(problem.operator, problem.image, problem.noise, iterations=60, strength=0.3):
        slope = gradient(state.estimate).double()
        smooth_variation = (slope.square().sum(0) + (1e-3 * unit) ** 2).sqrt().sum()
        loss = divergence(problem.operator, state.estimate, counts, background) + kappa * float(smooth_variation)
        losses.append(loss)
        assert state.estimate.min() >= 0
    assert all(after < before + 1e-6 * abs(before) for before, after in pairwise(losses))
    assert losses[-1] < losses[0] - 1


def test_light_is_conserved(problem: Any) -> None:
    # Without background the expected counts of each new scene add up to those observed.
    for state in richardson_lucy(problem.operator, problem.image, (0.001, 0.0), iterations=5, strength=0.0):
        expected = float(problem.operator.forward(state.estimate).double().sum())
        assert expected == pytest.approx(float(problem.image.clamp_min(0).double().sum()), rel=2e-3)


def test_the_true_scene_is_a_fixed_point(problem: Any) -> None:
    psf = torch.zeros(1, 1, 3, 3)
    psf[..., 1, 1] = 1
    image = problem.scene[..., :64, :64]
    state = list(richardson_lucy(ConvolutionOperator(psf, (64, 64)), image, (0.01, 0.0), iterations=2, strength=0.0))[
        -1
    ]
    torch.testing.assert_close(state.estimate[..., 1:-1, 1:-1], image, rtol=1e-4, atol=1e-5)


def test_the_background_is_that_of_counts_with_the_same_variance() -> None:
    mean = torch.full((1, 1, 1, 1), 0.5)
    assert float(poisson_background(mean, PoissonGaussianNoise(0.01, 0.03))) == pytest.approx(0.09)
    assert float(poisson_background(mean, PoissonGaussianNoise(0.01, 0.0))) == 0.0
    assert float(poisson_background(mean, PoissonGaussianNoise(0.0, 0.03))) == 0.5
    assert float(poisson_background(mean, PoissonGaussianNoise(1e-9, 0.03))) == 0.5


def test_the_prior_makes_the_scene_smoother(problem: Any) -> None:
    roughness = [
        float(gradient(state.estimate).abs().sum())
        for strength in (0.0, 0.1, 1.0)
        for state in list(richardson_lucy(problem.operator, problem.image, problem.noise, strength=strength))[-1:]
    ]
    assert roughness[0] > 1.2 * roughness[1] > 1.2 * 1.2 * roughness[2]
