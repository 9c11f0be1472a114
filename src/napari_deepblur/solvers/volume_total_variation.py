"""Total variation of volumes: the primal-dual iteration of `total_variation`, with the spacings of the voxels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.operators import LinearOperator, resolvent
from napari_deepblur.solvers.differences import Differences
from napari_deepblur.solvers.state import DARK, SolverState, check, check_range, first_scene, mean_deviation

_RESOLVENT_STEPS = 2
_SMALLEST_STEP = 1e-6


def volume_total_variation(
    operator: LinearOperator,
    image: Tensor,
    noise: tuple[float, float],
    *,
    iterations: int = 60,
    strength: float = 0.1,
    tolerance: float = 1e-3,
    spacing: tuple[float, ...] | None = None,
) -> Iterator[SolverState]:
    """Restore by the minimum of 1/2 |A x - y|^2 + mu TV(x) over x >= 0, for one volume or image at a time.

    TV(x) = sum |D x| with differences over the spacings of the voxels, and mu = strength * sigma with sigma the
    standard deviation of the noise at the mean intensity. The iteration is that of `total_variation`.

    Parameters
    ----------
    operator
        The blur A.
    image
        y, shape (1, ..., *image_shape).
    noise
        alpha and beta in the units of the image.
    iterations
        Largest number of iterations.
    strength
        Weight of the variation in units of the noise; positive.
    tolerance
        Stop once a scene changes by less than this from one iteration to the next; 0 runs all iterations.
    spacing
        Distances of neighbours along the axes of the image; by default all 1.

    Returns
    -------
    Iterator of SolverState
        The state after each iteration; its residual is the relative change |x_new - x| / |x|.

    Raises
    ------
    ImageError, NoiseError, SettingsError
        Before the first iteration, if an argument cannot be used.

    Notes
    -----
    Source: A. Chambolle and T. Pock, J. Math. Imaging Vis. 40, 120 (2011), algorithm 1.
    """
    model = check(operator, image, noise, iterations)
    check_range("strength", strength, 1e-9)
    check_range("tolerance", tolerance, 0.0)
    prior = Differences(spacing or (1.0,) * len(operator.axes))
    mu = strength * float(mean_deviation(image, model, operator.axes).max())
    return _iterate(operator, image, mu, prior, iterations, tolerance)


def _iterate(
    operator: LinearOperator, image: Tensor, mu: float, prior: Differences, iterations: int, tolerance: float
) -> Iterator[SolverState]:
    x = first_scene(operator, image)
    slope = float(prior.gradient(x).square().mean().sqrt().clamp_min(DARK))
    weight = max(mu / slope, _SMALLEST_STEP)
    dual_step = weight / (prior.squared_norm + 1)
    adjoint_image = operator.adjoint(image)
    p, q = prior.gradient(torch.zeros_like(x)), torch.zeros_like(x)
    estimate = x.clamp_min(0)
    for iteration in range(1, iterations + 1):
        pull = x - (prior.adjoint(p) + q) / weight
        before = x
        x = resolvent(operator, adjoint_image, pull, weight, start=x, steps=_RESOLVENT_STEPS).solution
        ahead = 2 * x - before
        p = p.add_(prior.gradient(ahead), alpha=dual_step)
        p = p.div_((p.square().sum(0).sqrt() / mu).clamp_min(1))
        q = q.add_(ahead, alpha=dual_step).clamp_max_(0)
        former, estimate = estimate, x.clamp_min(0)
        moved = float((estimate - former).norm() / former.norm().clamp_min(DARK))
        yield SolverState(iteration, estimate, moved)
        if moved <= tolerance:
            return
