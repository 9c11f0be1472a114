"""What every solver promises: a better image, any units, no damage at the borders, clear refusals."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from napari_deepblur.errors import DeepblurError, ImageError, NoiseError, SettingsError
from napari_deepblur.solvers import SolverState, richardson_lucy, total_variation, wiener

Solver = Callable[..., Iterator[SolverState]]
SOLVERS: list[Solver] = [richardson_lucy, total_variation, wiener]
MARGIN = 15


def last(states: Iterator[SolverState]) -> SolverState:
    return deque(states, maxlen=1)[0]


def field(scene: Tensor) -> Tensor:
    return scene[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def psnr(image: Tensor, truth: Tensor) -> float:
    return -10 * math.log10(float((image - truth).square().mean()))


@pytest.mark.parametrize(
    ("solver", "decibels", "similarity"),
    [(richardson_lucy, 4.0, 0.2), (total_variation, 4.0, 0.2), (wiener, 2.5, 0.02)],
)
def test_the_image_gets_sharper(problem: Any, solver: Solver, decibels: float, similarity: float) -> None:
    truth = field(problem.scene)
    result = field(last(solver(problem.operator, problem.image, problem.noise)).estimate)
    assert psnr(result, truth) > psnr(problem.image, truth) + decibels
    before, after = (
        structural_similarity(x[0, 0].numpy(), truth[0, 0].numpy(), data_range=1.0) for x in (problem.image, result)
    )
    assert after > before + similarity


@pytest.mark.parametrize("solver", SOLVERS)
def test_borders_are_restored_like_the_rest(problem: Any, solver: Solver) -> None:
    result = field(last(solver(problem.operator, problem.image, problem.noise)).estimate)
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[8:-8, 8:-8] = True
    gain = []
    for part in (~inside, inside):
        error, before = ((x - field(problem.scene))[0, 0][part].norm() for x in (result, problem.image))
        gain.append(float(error / before))
    assert gain[0] < 1 and gain[0] < 1.7 * gain[1]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("gain", [1 / 64, 4096.0])
def test_units_do_not_matter(problem: Any, solver: Solver, gain: float) -> None:
    alpha, beta = problem.noise
    expected = last(solver(problem.operator, problem.image, (alpha, beta), iterations=25)).estimate
    found = last(solver(problem.operator, gain * problem.image, (gain * alpha, gain * beta), iterations=25)).estimate
    torch.testing.assert_close(found / gain, expected, rtol=0, atol=2e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_states_count_up_and_settle(problem: Any, solver: Solver) -> None:
    states = list(solver(problem.operator, problem.image, problem.noise, iterations=40))
    numbers = [state.iteration for state in states]
    assert numbers == sorted(set(numbers)) and numbers[0] >= 1 and numbers[-1] <= 40
    assert all(state.estimate.shape == problem.scene.shape for state in states)
    assert 0 <= states[-1].residual < 0.3 * states[0].residual


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_batch_is_restored_image_by_image(problem: Any, solver: Solver) -> None:
    images = torch.cat([problem.image, problem.image.flip(-1)])
    together = last(solver(problem.operator, images, problem.noise, iterations=15)).estimate
    for index in range(2):
        alone = last(solver(problem.operator, images[index : index + 1], problem.noise, iterations=15)).estimate
        assert (together[index] - alone[0]).norm() < 0.01 * alone.norm()


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_image_without_noise_stays_finite(problem: Any, solver: Solver) -> None:
    clean = problem.operator.forward(problem.scene)
    for image in (clean, torch.zeros_like(clean), torch.ones_like(clean), clean - 0.5):
        assert last(solver(problem.operator, image, (0.0, 0.0), iterations=20)).estimate.isfinite().all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"image": torch.zeros(1, 1, 63, 64)}, ImageError, "expected .*64, 64"),
        ({"image": torch.full((1, 1, 64, 64), math.nan)}, ImageError, "NaN"),
        ({"noise": (-0.1, 0.0)}, NoiseError, "alpha is -0.1"),
        ({"iterations": 0}, SettingsError, "iterations is 0"),
        ({"iterations": 2.5}, SettingsError, "iterations is 2.5"),
        ({"strength": -1.0}, SettingsError, "strength is -1"),
        ({"strength": math.nan}, SettingsError, "strength is nan"),
    ],
)
def test_refusals_come_before_the_first_iteration(
    problem: Any, solver: Solver, change: dict[str, Any], error: type[DeepblurError], words: str
) -> None:
    settings = {"image": problem.image, "noise": problem.noise, **change}
    with pytest.raises(error, match=words):
        solver(problem.operator, settings.pop("image"), settings.pop("noise"), **settings)
