"""Finding the wavefront: descents of the energy from several starts, and the curvature where they end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from napari_deepblur.identification.volumes.marginal import Marginal, Unknowns

_UNIT = 0.1
"""Waves that count as one for the steps of the descent."""

_FOCUS_UNIT = 10.0
"""Pixel lengths that count as one."""

_WALL = 0.01
"""How softly the box of coefficients ends, in waves."""

_CORRELATED = 2.0
"""Frequencies that a window's spectrum makes one: their gradients are alike."""

_DIFFERENCE = 0.02
"""Step, in units of the descent, of the differences of gradients that give the curvature."""


class Box(NamedTuple):
    """Where the unknowns may lie.

    Attributes
    ----------
    free
        Mask (K,) of the coefficients that are looked for; the others stay zero.
    largest
        Half-width of the box, in waves RMS.
    expected
        Standard deviation that coefficients are expected to have, in waves RMS.
    reach
        Standard deviation of the focus of a thin specimen from the middle of the stack, in pixel lengths; None for a
        thick one, which has no focus.
    """

    free: NDArray[np.bool_]
    largest: float
    expected: float
    reach: float | None

    def penalty(self, unknowns: Unknowns) -> Tensor:
        """Minus the logarithm of the prior."""
        outside = torch.relu(unknowns.theta.abs() - self.largest) / _WALL
        value = outside.square().sum() + 0.5 * (unknowns.theta / self.expected).square().sum()
        if self.reach is not None:
            value = value + 0.5 * (unknowns.focus / self.reach).square()
        return value


class Minimum(NamedTuple):
    """Where a descent ended.

    Attributes
    ----------
    energy
        E and the penalties of prior and scene.
    unknowns
        Of this energy.
    evaluations
        Of the energy and its gradient, that the descent took.
    """

    energy: float
    unknowns: Unknowns
    evaluations: int = 0


def descend(marginal: Marginal, box: Box, start: Unknowns, steps: int) -> Minimum:
    """Follow the energy down by quasi-Newton steps (L-BFGS), at most so many."""
    best = minimize(
        lambda x: _slope(x, marginal, box, start),
        _packed(start, box),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "maxcor": 20, "ftol": 1e-9},
    )
    return Minimum(float(best.fun), _unpacked(torch.from_numpy(best.x).float(), box, start), int(best.nfev))


def curvature(marginal: Marginal, box: Box, at: Unknowns) -> NDArray[np.float64]:
    """Covariance of the free coefficients, in waves squared, shape (k, k).

    Between the inverse curvatures U stands the scatter of the gradients g_f of the frequencies, U (sum g_f g_f') U:
    where no smooth spectrum is that of the scene, the frequencies disagree by more than the likelihood knows (Huber
    1967).
    """
    x = _packed(at, box)
    slopes, parts = [], []
    with torch.no_grad():
        _, by_covariance = marginal.judge(marginal.covariance(at))
    for axis in range(len(x)):
        step = np.zeros_like(x)
        step[axis] = _DIFFERENCE
        ahead, behind = (_slope(x + sign * step, marginal, box, at)[1] for sign in (1, -1))
        slopes.append((ahead - behind) / (2 * _DIFFERENCE))
        with torch.no_grad():
            more, less = (
                marginal.covariance(_unpacked(torch.from_numpy(x + sign * step).float(), box, at)) for sign in (1, -1)
            )
            parts.append((by_covariance.conj() * (more - less)).real.sum((-2, -1)).numpy() / (2 * _DIFFERENCE))
    second, scores = np.array(slopes), np.array(parts)
    values, axes = np.linalg.eigh((second + second.T) / 2)
    inverse = (axes / np.maximum(values, 1.0)) @ axes.T
    covariance = inverse + inverse @ (_CORRELATED * scores @ scores.T) @ inverse
    free = int(box.free.sum())
    return np.asarray(_UNIT**2 * covariance[:free, :free])


def _slope(x: NDArray[np.float64], marginal: Marginal, box: Box, like: Unknowns) -> tuple[float, NDArray[np.float64]]:
    """Energy and gradient."""
    variable = torch.from_numpy(x).float().requires_grad_()
    unknowns = _unpacked(variable, box, like)
    covariance = marginal.covariance(unknowns)
    energy, by_covariance = marginal.judge(covariance)
    if not math.isfinite(energy):
        return 1e30, np.zeros_like(x)
    prior = box.penalty(unknowns) + marginal.scenes.penalty(unknowns.scene)
    # The gradient of E is known by covariance: the rest of the chain is that of this inner product.
    inner = (by_covariance.conj() * covariance).real.sum()
    (gradient,) = torch.autograd.grad(inner + prior, variable)
    return energy + float(prior.detach()), gradient.double().numpy()


def _packed(unknowns: Unknowns, box: Box) -> NDArray[np.float64]:
    parts: Sequence[NDArray[np.float64]] = (
        unknowns.theta.double().numpy()[box.free] / _UNIT,
        unknowns.scene.double().numpy(),
        np.array([] if box.reach is None else [float(unknowns.focus) / _FOCUS_UNIT]),
    )
    return np.concatenate(parts)


def _unpacked(x: Tensor, box: Box, like: Unknowns) -> Unknowns:
    free, scene = int(box.free.sum()), len(like.scene)
    theta = torch.zeros(len(box.free)).index_put((torch.from_numpy(box.free.nonzero()[0]),), _UNIT * x[:free])
    focus = like.focus if box.reach is None else _FOCUS_UNIT * x[-1]
    return Unknowns(theta, x[free : free + scene], focus)
