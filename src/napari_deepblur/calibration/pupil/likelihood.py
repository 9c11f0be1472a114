"""How likely a bead's stack is, and the steps to where it is likeliest.

A pixel of intensity m has the variance alpha m + beta^2. In units of photons, with the read noise as a background,
k = y / alpha + (beta / alpha)^2 is nearly Poisson with the mean lambda = m / alpha + (beta / alpha)^2, whose deviance

    2 sum (lambda - k + k log(k / lambda))

is what is minimised. Its gradient is -2 J' W (y - m) and its expected second derivative 2 J' W J, W = 1 / (alpha m +
beta^2): Fisher's scoring, damped as by Levenberg and Marquardt. Light and background of each plane are linear and
solved for on the way, so that the information that remains, J' (W - W L (L' W L)^-1 L' W) J, is that of pupil and place
alone.

Sources: F. Huang et al., Nat. Methods 10, 653 (2013) (the Poisson approximation); B. M. Hanser et al., J. Microsc. 216,
32 (2004) (phase retrieval from bead stacks).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.calibration.pupil.model import PLACE, BeadModel

_REWEIGHTED = 3
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-6, 1e6
_ENOUGH, _ENOUGH_RELATIVE = 0.02, 1e-6
"""Fall of the deviance, in its own units and as a share, below which a step is the last."""


class Levels(NamedTuple):
    """Noise of intensities without offset: their variance is alpha m + beta^2."""

    alpha: float
    beta: float

    def variance(self, light: Tensor) -> Tensor:
        """Variance at intensities, positive everywhere."""
        least = max(self.beta**2, 1e-3 * self.alpha, 1e-30)
        return (self.alpha * light + self.beta**2).clamp_min(least)


class Fit(NamedTuple):
    """A bead explained.

    Attributes
    ----------
    psfs
        Of sum 1, shape (Z, k, k).
    light, background
        Of each plane, shape (Z,).
    expected
        light * psfs + background.
    deviance
        How much less likely than intensities that agree with every pixel.
    """

    psfs: Tensor
    light: Tensor
    background: Tensor
    expected: Tensor
    deviance: float


class State(NamedTuple):
    """Where the search is.

    Attributes
    ----------
    shared
        Parameters of the pupil, shape (K + A,).
    places
        x, y and height of each bead, in pixels, shape (N, 3).
    deviance
        Of all beads.
    """

    shared: Tensor
    places: Tensor
    deviance: float


def explained(psfs: Tensor, patch: Tensor, noise: Levels) -> Fit:
    """Find the likeliest light and background of each plane, (Z, k, k) each, by least squares, weighted anew."""
    h, y = psfs.flatten(1), patch.flatten(1)
    variance = noise.variance(torch.nn.functional.avg_pool2d(patch[:, None], 3, 1, 1)[:, 0].flatten(1))
    for _ in range(_REWEIGHTED):
        w = 1 / variance
        one, sh, shh = w.sum(1), (w * h).sum(1), (w * h * h).sum(1)
        sy, shy = (w * y).sum(1), (w * h * y).sum(1)
        determinant = (one * shh - sh.square()).clamp_min(1e-12 * one * shh)
        light = ((one * shy - sh * sy) / determinant).clamp_min(0)
        background = (sy - light * sh) / one
        expected = light[:, None] * h + background[:, None]
        variance = noise.variance(expected)
    expected = expected.reshape(patch.shape)
    return Fit(psfs, light, background, expected, deviance(expected, patch, noise))


def deviance(expected: Tensor, patch: Tensor, noise: Levels) -> float:
    """Twice the logarithm of the likelihood that is missing, in float64."""
    difference = (patch - expected).double()
    variance = noise.variance(expected).double()
    if noise.alpha == 0:
        return float((difference.square() / variance).sum())
    mean = variance / noise.alpha**2
    relative = (difference / noise.alpha / mean).clamp_min(-1 + 1e-9)
    return float(2 * (mean * ((1 + relative) * torch.log1p(relative) - relative)).sum())


def information(model: BeadModel, parameters: Tensor, fit: Fit, patch: Tensor, noise: Levels) -> tuple[Tensor, Tensor]:
    """Return Fisher's information (p, p) of pupil and place, and the score (p,), light and background taken out."""
    slopes = (model.jacobian(parameters) * fit.light[:, None, None]).flatten(2).double()
    w = (1 / noise.variance(fit.expected)).flatten(1).double()
    h = fit.psfs.flatten(1).double()
    one, sh, shh = w.sum(1), (w * h).sum(1), (w * h * h).sum(1)
    # What light and background explain is taken out: first the mean, then the PSF without its mean.
    h = h - (sh / one)[:, None]
    left = slopes - ((slopes * w).sum(-1) / one)[..., None]
    share = (left * (w * h)).sum(-1) / (shh - sh.square() / one).clamp_min(1e-30)
    left = (left - share[..., None] * h).flatten(1)
    weighted = left * w.flatten()
    residual = (patch - fit.expected).flatten().double()
    return weighted @ left.T, weighted @ residual


def refined(
    models: Sequence[BeadModel], patches: Sequence[Tensor], noise: Levels, start: State, iterations: int
) -> Iterator[State]:
    """Yield ever likelier pupils and places, until nothing is won or `iterations` are done.

    Parameters
    ----------
    models, patches
        One of each for a bead; patches (Z, k, k) without the camera's offset.
    noise
        Of the patches.
    start
        Where to begin; its deviance is not used.
    iterations
        Steps, also those that are taken back.
    """
    fits = all_explained(models, patches, noise, start)
    state = start._replace(deviance=sum(fit.deviance for fit in fits))
    damping = _FIRST_DAMPING
    matrix, score = normal_equations(models, patches, noise, state, fits)
    for _ in range(iterations):
        step = _solved(matrix + damping * torch.diag(matrix.diagonal()), score)
        n = len(state.shared)
        trial = State((state.shared + step[:n]).float(), state.places + step[n:].reshape(-1, PLACE).float(), 0.0)
        fits = all_explained(models, patches, noise, trial)
        trial = trial._replace(deviance=sum(fit.deviance for fit in fits))
        won = state.deviance - trial.deviance
        if not won > 0:
            damping *= 10
            if damping > _MOST_DAMPING:
                return
            continue
        state = trial
        yield state
        if won < max(_ENOUGH, _ENOUGH_RELATIVE * state.deviance):
            return
        damping = max(damping / 10, _LEAST_DAMPING)
        matrix, score = normal_equations(models, patches, noise, state, fits)


def all_explained(models: Sequence[BeadModel], patches: Sequence[Tensor], noise: Levels, state: State) -> list[Fit]:
    """Explain each bead by the pupil and its place."""
    return [
        explained(model.psfs(torch.cat([place, state.shared])), patch, noise)
        for model, patch, place in zip(models, patches, state.places, strict=True)
    ]


def normal_equations(
    models: Sequence[BeadModel], patches: Sequence[Tensor], noise: Levels, state: State, fits: Sequence[Fit]
) -> tuple[Tensor, Tensor]:
    """Information and score of the pupil, which all beads share, and of the places of the beads one after another."""
    n = len(state.shared)
    total = n + PLACE * len(models)
    matrix, score = torch.zeros(total, total, dtype=torch.float64), torch.zeros(total, dtype=torch.float64)
    for index, (model, patch, place, fit) in enumerate(zip(models, patches, state.places, fits, strict=True)):
        own, gradient = information(model, torch.cat([place, state.shared]), fit, patch, noise)
        first = n + PLACE * index
        order = torch.cat([torch.arange(first, first + PLACE), torch.arange(n)])
        matrix[order[:, None], order[None, :]] += own
        score[order] += gradient
    return matrix, score


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve a system that is positive but for rounding; directions without any information stay where they are."""
    scale = matrix.diagonal().clamp_min(1e-30).rsqrt()
    scaled = matrix * scale[:, None] * scale[None, :]
    solution: Tensor = scale * torch.linalg.lstsq(scaled, (scale * right)[:, None], driver="gelsd").solution[:, 0]
    return solution
