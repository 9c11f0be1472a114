from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator, LinearOperator, conjugate_gradient, resolvent
from napari_deepblur.optics import Pupil, psf_model, zernike_psf


def matrix_with_condition(n: int, condition: float) -> Tensor:
    """Symmetric positive definite matrix (n, n) with logarithmically spaced eigenvalues, in float64."""
    basis = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64)).Q
    return basis @ torch.diag(torch.logspace(0, torch.tensor(condition).log10().item(), n).double()) @ basis.T


def product(matrices: Tensor) -> Callable[[Tensor], Tensor]:
    """Product with matrices (B, n, n), for unknowns (B, 4, n / 4)."""
    return lambda x: (matrices @ x.flatten(-2)[..., None]).view_as(x)


def true_residual(apply: Callable[[Tensor], Tensor], x: Tensor, b: Tensor) -> Tensor:
    difference = b - apply(x)
    norms = [v.square().sum((-2, -1), keepdim=True).sqrt() for v in (difference, b)]
    return norms[0] / norms[1]


@pytest.fixture
def system() -> tuple[Tensor, Tensor]:
    """Matrices (3, 24, 24) of very different conditioning, the first a multiple of the identity, with right sides."""
    matrices = torch.stack([2 * torch.eye(24).double(), matrix_with_condition(24, 10), matrix_with_condition(24, 1e4)])
    return matrices, torch.randn(3, 4, 6, dtype=torch.float64) * torch.tensor([1e-3, 1, 1e3])[:, None, None]


def test_a_batch_of_different_conditioning_agrees_with_a_dense_solve(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = system
    result = conjugate_gradient(product(matrices), b, steps=100, tolerance=1e-10)
    expected = torch.linalg.solve(matrices, b.flatten(1)).view_as(b)
    torch.testing.assert_close(result.solution, expected, rtol=1e-6, atol=1e-9 * 1e3)
    assert result.solution[0].abs().max() > 0 and result.residual.shape == (3, 1, 1)
    assert (result.residual <= 1e-10).all()


def test_each_member_is_solved_as_if_it_were_alone(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = system
    together = conjugate_gradient(product(matrices), b, steps=8)
    for i in range(3):
        alone = conjugate_gradient(product(matrices[i : i + 1]), b[i : i + 1], steps=8)
        torch.testing.assert_close(together.solution[i : i + 1], alone.solution, rtol=1e-6, atol=0)
        torch.testing.assert_close(together.residual[i : i + 1], alone.residual, rtol=1e-4, atol=1e-12)


def test_a_member_that_has_converged_stays_where_it_is(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = (value.float() for value in system)
    # The multiple of the identity is solved by one step; 300 more must not make it drift or overflow.
    result = conjugate_gradient(product(matrices), b, steps=300)
    assert result.solution.isfinite().all()
    torch.testing.assert_close(result.solution[0], b[0] / 2, rtol=1e-6, atol=0)


@pytest.mark.parametrize("steps", [0, 1, 5, 12])
@pytest.mark.parametrize("warm", [False, True])
def test_the_residual_is_the_true_one_and_the_steps_are_counted(
    system: tuple[Tensor, Tensor], steps: int, warm: bool
) -> None:
    matrices, b = system
    start = torch.randn_like(b) if warm else None
    result = conjugate_gradient(product(matrices), b, start=start, steps=steps)
    assert result.steps == steps
    expected = true_residual(product(matrices), result.solution, b)
    torch.testing.assert_close(result.residual, expected, rtol=1e-6, atol=1e-13)


def test_the_energy_falls_at_every_step(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = system
    exact = torch.linalg.solve(matrices, b.flatten(1)).view_as(b)
    errors = []
    for steps in range(8):
        error = conjugate_gradient(product(matrices), b, steps=steps).solution - exact
        errors.append((error * product(matrices)(error)).sum((-2, -1)))
    for before, after in pairwise(errors):
        assert (after <= before * (1 + 1e-9) + 1e-20).all()


def test_conjugate_gradient_ends_after_as_many_steps_as_there_are_unknowns() -> None:
    matrix = matrix_with_condition(8, 30)[None]
    b = torch.randn(1, 4, 2, dtype=torch.float64)
    assert conjugate_gradient(product(matrix), b, steps=8).residual.item() < 1e-10
    assert conjugate_gradient(product(matrix), b, steps=6).residual.item() > 1e-6


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5])
def test_the_tolerance_stops_the_whole_batch_once_all_members_have_met_it(
    system: tuple[Tensor, Tensor], tolerance: float
) -> None:
    matrices, b = system
    result = conjugate_gradient(product(matrices), b, steps=200, tolerance=tolerance)
    assert (result.residual <= tolerance).all()
    assert 1 < result.steps < 200
    before = conjugate_gradient(product(matrices), b, steps=result.steps - 1)
    assert (before.residual > tolerance).any()


def test_a_warm_start_at_the_solution_stops_at_once(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = system
    exact = torch.linalg.solve(matrices, b.flatten(1)).view_as(b)
    result = conjugate_gradient(product(matrices), b, start=exact, steps=50, tolerance=1e-6)
    assert result.steps <= 1
    torch.testing.assert_close(result.solution, exact)


def test_a_zero_right_side_has_the_solution_zero() -> None:
    matrices = matrix_with_condition(8, 10)[None].float()
    result = conjugate_gradient(product(matrices), torch.zeros(1, 4, 2), steps=20, tolerance=1e-6)
    assert torch.equal(result.solution, torch.zeros(1, 4, 2))
    assert result.residual.item() == 0 and result.steps == 1


def test_one_zero_right_side_does_not_disturb_the_others(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = system
    b = b.clone()
    b[1] = 0
    result = conjugate_gradient(product(matrices), b, steps=100, tolerance=1e-8)
    assert result.solution[1].abs().max() == 0
    torch.testing.assert_close(
        result.solution[2].flatten(), torch.linalg.solve(matrices[2], b[2].flatten()), rtol=1e-4, atol=1e-6
    )


def test_the_inverse_as_preconditioner_needs_one_step(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = system
    inverse = torch.linalg.inv(matrices)
    result = conjugate_gradient(product(matrices), b, precondition=product(inverse), steps=20, tolerance=1e-9)
    assert result.steps == 1


def test_a_preconditioner_does_not_change_the_solution(system: tuple[Tensor, Tensor]) -> None:
    matrices, b = system
    jacobi = torch.diag_embed(1 / torch.diagonal(matrices, dim1=-2, dim2=-1))
    result = conjugate_gradient(product(matrices), b, precondition=product(jacobi), steps=200, tolerance=1e-10)
    torch.testing.assert_close(product(matrices)(result.solution), b, rtol=1e-7, atol=1e-6)


def test_the_solution_is_differentiable_in_the_right_side() -> None:
    matrix = matrix_with_condition(8, 5)[None]
    b = torch.randn(1, 4, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(1, 4, 2, dtype=torch.float64)
    result = conjugate_gradient(product(matrix), b, steps=8)
    (gradient,) = torch.autograd.grad((weights * result.solution).sum(), b)
    # d(w . M^-1 b)/db = M^-1 w.
    torch.testing.assert_close(
        gradient.flatten(), torch.linalg.solve(matrix[0], weights.flatten()), rtol=1e-5, atol=1e-8
    )
    assert not result.residual.requires_grad


def blur(shape: tuple[int, int], size: int = 31, batch: int = 1) -> LinearOperator:
    theta = torch.linspace(-0.15, 0.15, 8 * batch).view(batch, 8)
    return ConvolutionOperator(zernike_psf(theta, psf_model(Pupil(0.2), tuple(range(4, 12)), size))[:, None], shape)


@pytest.mark.parametrize("anchored", [False, True])
def test_the_resolvent_agrees_with_a_dense_solve(anchored: bool) -> None:
    operator = blur((7, 8), size=5, batch=2)
    height, width = operator.scene_shape
    n = height * width
    units = torch.eye(n).view(n, 1, 1, height, width)
    dense_transposed = operator.forward(units)[:, :, 0].flatten(-2).permute(1, 0, 2).double()
    y = torch.randn(2, 1, 7, 8)
    z = torch.randn(2, 1, height, width) if anchored else None
    result = resolvent(operator, operator.adjoint(y), z, 0.03, steps=60, tolerance=1e-6)
    right = dense_transposed @ y.double().flatten(1)[..., None]
    if z is not None:
        right = right + 0.03 * z.double().flatten(1)[..., None]
    expected = torch.linalg.solve(dense_transposed @ dense_transposed.mT + 0.03 * torch.eye(n), right).view(
        2, 1, height, width
    )
    torch.testing.assert_close(result.solution.double(), expected, rtol=1e-4, atol=1e-4)


def test_the_resolvent_minimises_the_data_term() -> None:
    operator, regularization = blur((20, 24), size=9), 0.1
    y, z = torch.rand(1, 1, 20, 24), torch.rand(1, 1, *operator.scene_shape)

    def objective(x: Tensor) -> float:
        fit = (operator.forward(x) - y).double().square().sum()
        return (0.5 * fit + 0.5 * regularization * (x - z).double().square().sum()).item()

    best = resolvent(operator, operator.adjoint(y), z, regularization, steps=40).solution
    for scale in (1e-2, 1e-1, 1):
        for _ in range(5):
            assert objective(best + scale * torch.randn_like(best)) > objective(best)


@pytest.mark.parametrize("shape", [(64, 64), (97, 50), (10, 10)])
@pytest.mark.parametrize("regularization", [0.01, 0.03, 0.3])
def test_the_resolvent_converges_to_a_millionth(shape: tuple[int, int], regularization: float) -> None:
    operator = blur(shape)
    adjoint_image = operator.adjoint(torch.rand(1, 1, *shape))
    result = resolvent(operator, adjoint_image, None, regularization, steps=100, tolerance=1e-6)
    assert result.steps < 100

    def normal(x: Tensor) -> Tensor:
        return operator.adjoint(operator.forward(x)) + regularization * x

    assert true_residual(normal, result.solution, adjoint_image).item() < 1.5e-6


def test_the_circular_inverse_saves_steps() -> None:
    operator = blur((96, 96))
    adjoint_image = operator.adjoint(torch.rand(1, 1, 96, 96))

    def normal(x: Tensor) -> Tensor:
        return operator.adjoint(operator.forward(x)) + 0.03 * x

    plain = conjugate_gradient(normal, adjoint_image, steps=200, tolerance=1e-4)
    preconditioned = resolvent(operator, adjoint_image, None, 0.03, steps=200, tolerance=1e-4)
    assert preconditioned.steps <= 0.7 * plain.steps
    torch.testing.assert_close(preconditioned.solution, plain.solution, rtol=0, atol=2e-2)
