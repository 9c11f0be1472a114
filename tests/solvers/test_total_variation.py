"""Total variation: closed-form minimisers, a certified gap, and the choice about negative light."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.solvers import SolverState, total_variation
from napari_deepblur.solvers.levels import levels_of
from napari_deepblur.solvers.variation import FourCorners


def identity(shape: tuple[int, int]) -> ConvolutionOperator:
    return ConvolutionOperator(torch.ones(1, 1, 1, 1), shape)


def denoise(image: Tensor, mu: float, **settings: Any) -> SolverState:
    """Denoise: the blur is the identity, and strength * sigma = mu."""
    shape = (image.shape[-2], image.shape[-1])
    states = total_variation(identity(shape), image, (0.0, mu), strength=1.0, iterations=2000, **settings)
    return deque(states, maxlen=1)[0]


def test_a_step_keeps_its_edge_and_loses_height() -> None:
    # Each half of the field moves towards the other by mu * (length of the edge) / (area of the half) = 2 mu / width.
    image = torch.full((1, 1, 12, 20), 0.2)
    image[..., 10:] = 1.0
    state = denoise(image, mu=0.5, tolerance=1e-4)
    expected = torch.where(image > 0.5, 1.0 - 0.05, 0.2 + 0.05)
    assert state.residual <= 1e-4 and state.iteration < 2000
    torch.testing.assert_close(state.estimate, expected, rtol=0, atol=2e-3)


def test_strong_regularisation_leaves_the_mean() -> None:
    image = torch.rand(1, 1, 10, 10)
    torch.testing.assert_close(
        denoise(image, mu=20.0, tolerance=1e-3).estimate, image.mean().expand_as(image), rtol=0, atol=2e-3
    )


def test_negative_light_is_kept_only_where_it_is_allowed() -> None:
    image = torch.full((1, 1, 12, 20), -0.6)
    image[..., 10:] = 1.0
    free = denoise(image, mu=0.5, tolerance=1e-4, positivity=False).estimate
    torch.testing.assert_close(free, torch.where(image > 0, 0.95, -0.55), rtol=0, atol=2e-3)
    held = denoise(image, mu=0.5, tolerance=1e-4).estimate
    torch.testing.assert_close(held, torch.where(image > 0, 0.95, 0.0), rtol=0, atol=2e-3)


def test_the_gap_bounds_the_distance_to_the_minimum(problem: Any) -> None:
    mu = 0.1 * float(
        levels_of(problem.image, (-2, -1), lambda: problem.operator).deviation(PoissonGaussianNoise(*problem.noise))
    )

    def objective(scene: Tensor) -> float:
        misfit = (problem.operator.forward(scene) - problem.image).square().sum() / 2
        return float(misfit + mu * FourCorners().total(scene))

    states = list(total_variation(problem.operator, problem.image, problem.noise, iterations=400, tolerance=0.0))
    least = min(objective(state.estimate) for state in states[-5:])
    for state in (states[19], states[49], states[199]):
        value = objective(state.estimate)
        assert least * (1 - 1e-5) <= value <= least + state.residual * value
    assert states[-1].residual < 0.1 < 0.2 * states[19].residual
    assert objective(states[49].estimate) < 1.06 * least


def test_it_stops_at_the_tolerance(problem: Any) -> None:
    states = list(total_variation(problem.operator, problem.image, problem.noise, iterations=500, tolerance=0.1))
    assert states[-1].residual <= 0.1 < states[-6].residual
