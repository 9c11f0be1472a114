"""Total variation: the scene of least variation that explains an image or a volume, by a primal-dual iteration."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.operators import LinearOperator, resolvent
from napari_deepblur.solvers.levels import DARK, Levels, levels_of
from napari_deepblur.solvers.state import SolverState, check, check_range, first_scene, observed
from napari_deepblur.solvers.variation import FourCorners, OneCorner, Variation, magnitude

_RESOLVENT_STEPS = 2
_CHECK_EVERY = 5
_SMALLEST_STEP = 1e-6


def total_variation(
    operator: LinearOperator,
    image: Tensor,
    noise: tuple[float, float],
    *,
    iterations: int = 100,
    strength: float = 0.1,
    positivity: bool = True,
    tolerance: float = 0.02,
    spacing: tuple[float, ...] | None = None,
    weights: Tensor | None = None,
    levels: Levels | None = None,
    start: Tensor | None = None,
) -> Iterator[SolverState]:
    """Restore by the minimum of 1/2 |A x - y|^2 + mu TV(x), over x >= 0 where `positivity` asks for it.

    TV(x) = sum |D x| is the isotropic total variation: of an image the mean over the four corners in which two edges of
    a pixel meet, so that a turned image gives a turned scene; of a volume over one corner of each voxel. And
    mu = strength * sigma, with sigma the standard deviation of the noise at the mean intensity: divided by sigma^2, the
    first term is the likelihood. Each iteration of Chambolle and Pock solves for the blur exactly where a gradient step
    would crawl,

        x' = R(x - (D'p + q) / lambda),   R(z) = argmin 1/2 |A x - y|^2 + lambda/2 |x - z|^2
        p  <- r / max(|r| / mu, 1),       r = p + sigma_d D (2 x' - x)
        q  <- min(q + sigma_d (2 x' - x), 0)

    with sigma_d = lambda / |(D, I)|^2. Any lambda converges to the same scene; mu over the typical slope of the image
    (of a volume that of the first scene, which is darker) does so soon.

    Parameters
    ----------
    operator
        The blur A.
    image
        y, shape (..., H, W); or one volume, shape (1, 1, D, H, W).
    noise
        alpha and beta in the units of the image.
    iterations
        Largest number of iterations.
    strength
        Weight of the variation in units of the noise; positive.
    positivity
        Whether the scene must not be negative.
    tolerance
        Stop once the residual is at most this; 0 runs all iterations.
    spacing
        Distances of neighbours along the axes of a volume; by default all 1.
    weights
        1 for pixels that count, 0 for those that do not, shape (..., H, W); all count where absent. Hidden pixels hold
        something plausible, from which levels and the start are taken, and no more.
    levels
        Of the whole image, where this is a tile of it; by default the image's own.
    start
        Scene to begin with; by default the image spread over its scene. In a volume that is far from the minimum: light
        moves slowly from plane to plane.

    Returns
    -------
    Iterator of SolverState
        The state after each iteration. Of an image its residual is the duality gap over the objective, renewed every
        fifth time, which bounds how far the objective is above its minimum (among scenes up to twice as bright as the
        estimate); of a volume, which would take long, the relative change |x_new - x| / |x|.

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
    levels = levels or levels_of(image, operator.axes, lambda: operator)
    mu = strength * levels.deviation(model)
    start = first_scene(operator, image, levels.mean) if start is None else start
    variation: Variation = FourCorners()
    slope = levels.slope
    if len(operator.axes) > 2:
        variation = OneCorner(spacing or (1.0,) * len(operator.axes))
        slope = variation.edges.gradient(start).square().mean().sqrt()
    weight = max(float(mu.mean() / slope.square().mean().sqrt().clamp_min(DARK)), _SMALLEST_STEP)
    seen = image if weights is None else weights * image
    return _iterate(observed(operator, weights), seen, start, mu, weight, variation, iterations, positivity, tolerance)


def _iterate(
    operator: LinearOperator,
    image: Tensor,
    start: Tensor,
    mu: Tensor,
    weight: float,
    variation: Variation,
    iterations: int,
    positivity: bool,
    tolerance: float,
) -> Iterator[SolverState]:
    dual_step = weight / (variation.edges.squared_norm + positivity)
    adjoint_image = operator.adjoint(image)
    x, residual = start, 0.0
    p, q = variation.gradient(torch.zeros_like(x)), torch.zeros_like(x)
    estimate = x.clamp_min(0)
    for iteration in range(1, iterations + 1):
        pull = x - (variation.adjoint(p) + q) / weight
        before = x
        x = resolvent(operator, adjoint_image, pull, weight, start=x, steps=_RESOLVENT_STEPS).solution
        ahead = 2 * x - before
        p = p.add_(variation.gradient(ahead), alpha=dual_step)
        p = p.div_((magnitude(p) / (variation.share * mu)).clamp_min(1))
        if positivity:
            q = q.add_(ahead, alpha=dual_step).clamp_max_(0)
        former, estimate = estimate, x.clamp_min(0) if positivity else x
        if len(operator.axes) > 2:
            residual = float((estimate - former).norm() / former.norm().clamp_min(DARK))
        elif iteration == 1 or iteration % _CHECK_EVERY == 0:
            residual = relative_gap(operator, image, mu, estimate, p, variation, positivity)
        yield SolverState(iteration, estimate, residual)
        if residual <= tolerance:
            return


def relative_gap(
    operator: LinearOperator,
    image: Tensor,
    mu: Tensor,
    scene: Tensor,
    dual: Tensor,
    variation: Variation,
    positivity: bool,
) -> float:
    """Duality gap over the objective, the largest of the batch.

    With r = A x - y and g = A'r + D'p, |p| <= share * mu (`Variation`), the gap among scenes in [0, m], or [-m, m]
    without positivity, is (mu TV(x) - <D x, p>) + sum of x g where g > 0 and of (x - m) g where g < 0: terms that are
    never negative.
    """
    residual = operator.forward(scene) - image
    slope = operator.adjoint(residual) + variation.adjoint(dual)
    top = 2 * scene.abs().amax(dim=operator.axes, keepdim=True)
    bottom = torch.zeros_like(top) if positivity else -top
    distance = torch.where(slope > 0, (scene - bottom) * slope, (scene - top) * slope)
    roughness = mu * variation.total(scene)
    unaligned = roughness - (variation.gradient(scene) * dual).sum(dim=(0, 1)).sum(dim=operator.axes, keepdim=True)
    objective = residual.square().sum(dim=operator.axes, keepdim=True) / 2 + roughness
    gap = unaligned.clamp_min(0) + distance.sum(dim=operator.axes, keepdim=True)
    return float((gap / objective.clamp_min(DARK**1.5)).max())
