"""Solvers on a volume: sharper along all three axes, in any units, and told apart from noise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from napari_deepblur.errors import NoiseError, SettingsError
from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import MaskedOperator, VolumeOperator
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model
from napari_deepblur.solvers import (
    Discrepancy,
    HeldOut,
    SolverState,
    accelerated_richardson_lucy,
    total_variation,
    wiener,
)
from napari_deepblur.solvers.differences import Differences

STEP = 3.0
SPACING = (STEP, 1.0, 1.0)
TOTAL_VARIATION = partial(total_variation, iterations=60, tolerance=1e-3)
SOLVERS: list[Callable[..., Iterator[SolverState]]] = [accelerated_richardson_lucy, TOTAL_VARIATION, wiener]


class Problem(NamedTuple):
    operator: VolumeOperator
    scene: Tensor  # (1, 1, 9, 44, 44)
    image: Tensor  # (1, 1, 7, 32, 32)
    noise: tuple[float, float]


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Balls of different sizes in seven planes, through a spherical aberration."""
    pupil = Microscope(0.8, 0.5, 0.1, 1.0).pupil
    planes = psf_planes(torch.tensor([0.1]), psf_planes_model(pupil, (11,), 13, STEP, 7))
    operator = VolumeOperator(planes, (7, 32, 32), (1, 6, 6))
    generator = torch.Generator().manual_seed(3)
    z, y, x = torch.meshgrid(STEP * torch.arange(9.0), torch.arange(44.0), torch.arange(44.0), indexing="ij")
    scene = torch.full((9, 44, 44), 0.02)
    for a, b, c, radius in torch.rand((30, 4), generator=generator).tolist():
        near = (z - 27 * a) ** 2 + (y - 44 * b) ** 2 + (x - 44 * c) ** 2 < (1.5 + 4 * radius) ** 2
        scene[near] = 1.0
    blurred = operator.forward(scene[None, None])
    scale = float(1 / blurred.max())
    noise = (0.001, 0.003)
    image = sample_noise(scale * blurred, torch.tensor(noise[:1]), torch.tensor(noise[1:]), generator)
    return Problem(operator, scale * scene[None, None], image, noise)


def last(states: Iterator[SolverState]) -> SolverState:
    return deque(states, maxlen=1)[0]


def likeness(scene: Tensor, truth: Tensor) -> float:
    inner = (slice(1, -1), slice(6, -6), slice(6, -6))
    pair = torch.stack([value[(0, 0, *inner)].flatten() for value in (scene, truth)])
    return float(torch.corrcoef(pair)[0, 1])


def before(problem: Problem) -> float:
    return float(torch.corrcoef(torch.stack([problem.image.flatten(), field(problem.scene).flatten()]))[0, 1])


def field(scene: Tensor) -> Tensor:
    return scene[..., 1:-1, 6:-6, 6:-6]


@pytest.mark.parametrize(
    ("solver", "gain"), [(accelerated_richardson_lucy, 0.2), (TOTAL_VARIATION, 0.1), (wiener, 0.05)]
)
def test_the_volume_gets_closer_to_the_truth(problem: Problem, solver: Any, gain: float) -> None:
    found = last(solver(problem.operator, problem.image, problem.noise, spacing=SPACING)).estimate
    assert found.shape == problem.scene.shape
    assert likeness(found, problem.scene) > before(problem) + gain


@pytest.mark.parametrize("solver", SOLVERS)
def test_units_do_not_matter(problem: Problem, solver: Any) -> None:
    alpha, beta = problem.noise
    options: dict[str, Any] = {"iterations": 10, "strength": 0.05, "spacing": SPACING}
    expected = last(solver(problem.operator, problem.image, (alpha, beta), **options)).estimate
    gain = 500.0
    found = last(solver(problem.operator, gain * problem.image, (gain * alpha, gain * beta), **options)).estimate
    torch.testing.assert_close(found / gain, expected, rtol=0, atol=1e-3 * float(expected.max()))


def test_momentum_is_worth_many_iterations_and_keeps_scenes_positive(problem: Problem) -> None:
    states = list(accelerated_richardson_lucy(problem.operator, problem.image, problem.noise, iterations=20))
    assert all(bool((state.estimate >= 0).all()) and state.estimate.isfinite().all() for state in states)

    def misfit(scene: Tensor) -> float:
        offset = problem.noise[1] ** 2 / problem.noise[0]
        expected = problem.operator.forward(scene) + offset
        return float((expected - (problem.image + offset).clamp_min(0) * expected.log()).sum())

    x = states[0].estimate
    seen = problem.operator.adjoint(torch.ones_like(problem.image))
    offset = problem.noise[1] ** 2 / problem.noise[0]
    for _ in range(40):
        ratio = (problem.image + offset).clamp_min(0) / (problem.operator.forward(x) + offset)
        x = x * problem.operator.adjoint(ratio) / seen.clamp_min(1e-3 * float(seen.max()))
    assert misfit(states[-1].estimate) < misfit(x)


def test_a_background_is_part_of_the_model(problem: Problem) -> None:
    lifted = problem.image + 0.3
    plain = last(accelerated_richardson_lucy(problem.operator, lifted, problem.noise)).estimate
    aware = last(accelerated_richardson_lucy(problem.operator, lifted, problem.noise, background=0.3)).estimate
    exact = last(accelerated_richardson_lucy(problem.operator, problem.image, problem.noise)).estimate
    # As good as if it had never been there, while a scene that has to explain it is too bright.
    assert likeness(aware, problem.scene) > likeness(exact, problem.scene) - 0.05
    assert abs(float(aware.sum() / exact.sum()) - 1) < 0.1 < float(plain.sum() / exact.sum()) - 1


@pytest.mark.parametrize("solver", SOLVERS)
def test_masked_voxels_do_no_harm(problem: Problem, solver: Any) -> None:
    mask = torch.ones(7, 32, 32)
    mask[2:4, 10:14, 10:14] = 0
    spoilt = problem.image.clone()
    spoilt[0, 0, mask == 0] = 5.0

    def found(operator: Any, image: Tensor) -> float:
        states = solver(operator, image, problem.noise, iterations=10, spacing=SPACING)
        return likeness(last(states).estimate, problem.scene)

    clean, trusting = found(problem.operator, problem.image), found(problem.operator, spoilt)
    masked = found(MaskedOperator(problem.operator, mask), spoilt * mask)
    assert trusting < clean - 0.1 and masked > clean - 0.05


def test_held_out_counts_stop_it_near_the_best(problem: Problem) -> None:
    noisy = sample_noise(problem.image.clamp_min(0), torch.tensor([0.02]), torch.tensor([0.0]), torch.Generator())
    noise = (0.021, 0.003)
    judge = HeldOut(noisy, noise)
    states = accelerated_richardson_lucy(
        problem.operator, judge.kept, (noise[0] / 0.9, noise[1]), iterations=120, monitor=judge
    )
    curve = [likeness(state.estimate, problem.scene) for state in states]
    assert len(curve) < 120
    whole = accelerated_richardson_lucy(problem.operator, noisy, noise, iterations=120)
    full = [likeness(state.estimate, problem.scene) for state in whole]
    assert full[judge.best - 1] > max(full) - 0.05 and full[judge.best - 1] > full[-1]
    # What is kept and what is held back add up to the image.
    assert float(judge.kept.mean()) == pytest.approx(float(noisy.mean()), rel=0.02)


def test_the_discrepancy_stops_where_the_residual_is_the_noise(problem: Problem) -> None:
    rule = Discrepancy(problem.image, problem.noise)
    states = list(
        accelerated_richardson_lucy(problem.operator, problem.image, problem.noise, iterations=200, monitor=rule)
    )
    assert 3 < len(states) < 200
    assert rule(problem.operator.forward(problem.scene)) or len(states) > 5
    with pytest.raises(NoiseError, match="noise is 0"):
        Discrepancy(problem.image, (0.0, 0.0))
    with pytest.raises(NoiseError, match="no counts"):
        HeldOut(problem.image, (0.0, 0.1))


def test_differences_are_transposed_and_bounded() -> None:
    prior = Differences((2.5, 1.0, 0.5))
    x, p = torch.randn(4, 5, 6).double(), torch.randn(3, 4, 5, 6).double()
    torch.testing.assert_close((prior.gradient(x) * p).sum(), (x * prior.adjoint(p)).sum())
    for _ in range(30):
        x = prior.adjoint(prior.gradient(x / x.norm()))
    assert 0.5 * prior.squared_norm < float(x.norm()) <= prior.squared_norm
    weights = torch.rand(4, 5, 6).double()
    # At the weights' own edges: D' diag(w) D has these sums on its diagonal.
    point = torch.zeros(4, 5, 6).double()
    point[1, 2, 3] = 1
    diagonal = prior.adjoint(weights * prior.gradient(point))[1, 2, 3]
    torch.testing.assert_close(prior.neighbour_sum(weights.expand(3, -1, -1, -1))[1, 2, 3], diagonal)


def test_a_spacing_of_another_length_is_refused(problem: Problem) -> None:
    with pytest.raises(SettingsError, match="expected 3 positive"):
        accelerated_richardson_lucy(problem.operator, problem.image, problem.noise, spacing=(1.0, 1.0))
