"""Laws of every solver: turned images give turned scenes, doubles give what floats give, hidden pixels say nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator, LinearOperator
from napari_deepblur.restoration.restorers import SOLVERS
from napari_deepblur.solvers import HeldOut, SolverState
from tests.solvers.conftest import Problem

TURNS: dict[str, Callable[[Tensor], Tensor]] = {
    "upside down": lambda a: a.flip(-2),
    "left to right": lambda a: a.flip(-1),
    "transposed": lambda a: a.mT.contiguous(),
    "a quarter": lambda a: a.rot90(1, (-2, -1)),
}
every_solver = pytest.mark.parametrize("name", SOLVERS)


def last(states: Iterator[SolverState]) -> Tensor:
    *_, state = states
    return state.estimate


@every_solver
@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_image_gives_a_turned_scene(problem: Problem, name: str, turn: str) -> None:
    turned = TURNS[turn]
    # Sides that are no multiples of anything, and differ.
    image, psf = problem.image[..., :61, :50], problem.operator.psf
    first = ConvolutionOperator(psf, (61, 50))
    image_there = turned(image)
    there = ConvolutionOperator(turned(psf), tuple(image_there.shape[-2:]))  # type: ignore[arg-type]
    straight = last(SOLVERS[name](first, image, problem.noise, iterations=30))
    around = last(SOLVERS[name](there, image_there, problem.noise, iterations=30))
    torch.testing.assert_close(around, turned(straight), rtol=0, atol=5e-3)


@every_solver
def test_hidden_pixels_say_nothing(problem: Problem, name: str) -> None:
    """Whatever is under the mask changes the start and the level a little, and no more once the solver has settled."""
    weights = torch.ones_like(problem.image)
    weights[..., 20:26, 30:37] = 0
    spoilt = torch.where(weights > 0, problem.image, problem.image.mean())
    clean = last(SOLVERS[name](problem.operator, problem.image, problem.noise, iterations=60))
    hidden = last(SOLVERS[name](problem.operator, spoilt, problem.noise, iterations=60, weights=weights))
    believed = last(SOLVERS[name](problem.operator, spoilt, problem.noise, iterations=60))
    hole = (..., slice(30, 46), slice(40, 57))
    assert (hidden - clean)[hole].norm() < 0.7 * (believed - clean)[hole].norm()
    far = (..., slice(60, None), slice(70, None))
    assert (hidden - clean)[far].norm() < 0.01 * clean[far].norm()


class _Doubled(LinearOperator):
    """A convolution in float64, by a dense matrix; the preconditioner is that of float32."""

    def __init__(self, operator: ConvolutionOperator) -> None:
        self._operator = operator
        kernel = operator.psf.double().flip((-2, -1)).reshape(1, 1, *operator.psf.shape[-2:])
        self._kernel = kernel

    @property
    def image_shape(self) -> tuple[int, int]:
        return self._operator.image_shape

    @property
    def scene_shape(self) -> tuple[int, int]:
        return self._operator.scene_shape

    def forward(self, scene: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(scene, self._kernel)

    def adjoint(self, image: Tensor) -> Tensor:
        return torch.nn.functional.conv_transpose2d(image, self._kernel)

    def precondition(self, scene: Tensor, regularization: float | Tensor) -> Tensor:
        if isinstance(regularization, Tensor):
            regularization = regularization.float()
        return self._operator.precondition(scene.float(), regularization).double()


@every_solver
@pytest.mark.parametrize("level", [1e-6, 1.0, 1e4])
def test_single_precision_is_enough(problem: Problem, name: str, level: float) -> None:
    """Float32 and float64 agree within a thousandth of the range, in whatever unit."""
    image = level * problem.image[..., :40, :44]
    noise = problem.noise[0] * level, problem.noise[1] * level
    operator = ConvolutionOperator(problem.operator.psf, (40, 44))
    single = last(SOLVERS[name](operator, image, noise, iterations=30))
    double = last(SOLVERS[name](_Doubled(operator), image.double(), noise, iterations=30))
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-3 * float(double.abs().max()))


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("shape", [(61, 50), (50, 50)])
def test_of_a_turned_image_the_same_counts_are_held_back(problem: Problem, turn: str, shape: tuple[int, int]) -> None:
    image = problem.image[..., : shape[0], : shape[1]]
    straight = HeldOut(image, (0.01, 0.002)).kept
    around = HeldOut(TURNS[turn](image), (0.01 * (1 + 1e-7), 0.002)).kept
    torch.testing.assert_close(around, TURNS[turn](straight))
    assert not torch.equal(straight, HeldOut(image, (0.01, 0.002), seed=1).kept)
