"""Batched linear solves with a blur operator: conjugate gradient and the resolvent of the data term."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.operators.linear import LinearOperator


class SolveResult(NamedTuple):
    """Solution of a linear solve.

    Attributes
    ----------
    solution
        The unknowns, shape (..., H, W).
    residual
        Relative residual |b - M x| / |b| of each member of the batch, shape (..., 1, 1).
    steps
        Number of steps taken.
    """

    solution: Tensor
    residual: Tensor
    steps: int


def conjugate_gradient(
    apply: Callable[[Tensor], Tensor],
    right_side: Tensor,
    *,
    start: Tensor | None = None,
    precondition: Callable[[Tensor], Tensor] | None = None,
    steps: int = 20,
    tolerance: float = 0.0,
    axes: tuple[int, ...] = (-2, -1),
) -> SolveResult:
    """Solve M x = b for a symmetric positive definite M by preconditioned conjugate gradient.

    Each member of the batch has its own step lengths, and the batch stops together. Differentiable.

    Parameters
    ----------
    apply
        The product with M, on tensors of shape (..., H, W).
    right_side
        b, shape (..., H, W).
    start
        First guess, of the shape of `right_side`; zero where absent.
    precondition
        Product with a symmetric positive definite approximation of the inverse of M.
    steps
        Largest number of steps.
    tolerance
        Stop once the relative residual of every member is at most this; 0 runs all steps without looking, which
        spares a synchronisation with the device at each step.
    axes
        The axes of one member of the batch (`LinearOperator.axes`).

    Returns
    -------
    SolveResult
        Solution, relative residual of each member, steps taken.

    Notes
    -----
    Source: J. Nocedal and S. Wright, Numerical Optimization, algorithm 5.3.
    """

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(dim=axes, keepdim=True)

    norm = dot(right_side, right_side).sqrt().clamp_min(torch.finfo(right_side.dtype).tiny)
    if start is None:
        x, r = torch.zeros_like(right_side), right_side
    else:
        x, r = start, right_side - apply(start)
    z = r if precondition is None else precondition(r)
    p, rz = z, dot(r, z)
    taken = 0
    for taken in range(1, steps + 1):
        q = apply(p)
        alpha = _safe_ratio(rz, dot(p, q))
        x, r = x + alpha * p, r - alpha * q
        if taken == steps or (tolerance > 0 and bool((dot(r, r).sqrt() <= tolerance * norm).all())):
            break
        z = r if precondition is None else precondition(r)
        rz_before, rz = rz, dot(r, z)
        p = z + _safe_ratio(rz, rz_before) * p
    return SolveResult(x, (dot(r, r).sqrt() / norm).detach(), taken)


def resolvent(
    operator: LinearOperator,
    adjoint_image: Tensor,
    anchor: Tensor | None,
    regularization: float | Tensor,
    *,
    start: Tensor | None = None,
    steps: int = 5,
    tolerance: float = 0.0,
) -> SolveResult:
    """Apply the resolvent of the data term, R(z) = argmin_x 1/2 |A x - y|^2 + regularization/2 |x - z|^2.

    R(z) = (A'A + regularization I)^-1 (A'y + regularization z), by conjugate gradient preconditioned with the
    circular inverse: that is exact far from the borders, so that the steps only have the border band to settle.

    Parameters
    ----------
    operator
        The blur A.
    adjoint_image
        A'y, shape (..., H + k - 1, W + k - 1); computed once for all calls.
    anchor
        z, of the same shape; absent means zero.
    regularization
        lambda, positive; one number, or one for each member of the batch, shape (..., 1, 1).
    start, steps, tolerance
        As in `conjugate_gradient`.

    Returns
    -------
    SolveResult
        R(z) with its relative residual and step count.
    """

    def normal(x: Tensor) -> Tensor:
        return operator.adjoint(operator.forward(x)) + regularization * x

    right_side = adjoint_image if anchor is None else adjoint_image + regularization * anchor
    return conjugate_gradient(
        normal,
        right_side,
        start=start,
        precondition=lambda r: operator.precondition(r, regularization),
        steps=steps,
        tolerance=tolerance,
        axes=operator.axes,
    )


def _safe_ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    # A member that has converged exactly has 0 / 0 here and must stay where it is.
    return torch.where(denominator > 0, numerator / denominator.clamp_min(torch.finfo(denominator.dtype).tiny), 0.0)
