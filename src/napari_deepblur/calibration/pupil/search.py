"""Where to begin: the likeliest of many pupils for one bead, on a part of its data.

A bead's likelihood has many maxima: spherical aberration of either sign puts the light elsewhere along z, and a search
from a flat wavefront may end where focus and the first ring have changed places. So a grid of spherical aberrations and
heights, and pairs of random wavefronts with opposite signs, are compared, and a few of the likeliest refined.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor

from napari_deepblur.calibration.pupil.likelihood import Levels, State, explained, refined
from napari_deepblur.calibration.pupil.model import BeadModel
from napari_deepblur.progress import Progress

_SPHERICAL = 11
_SPHERICAL_WAVES = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)
_HEIGHTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Of the bead, from its sharpest plane, in depths of field."""

_PAIRS, _DRAWN_WAVES, _HIGHEST = 30, 0.1, 11
"""Random wavefronts, each with its mirror image, the size of their coefficients, and the last mode that they have."""

_REFINED, _STEPS, _PLANES = 4, 12, 13
_EXPLAINED = 1.2
"""Deviance of a pixel below which noise is all that is left: nothing can be likelier."""

SEARCH_STEPS = 1 + _REFINED * _STEPS
"""Units of progress of a search."""


def searched(
    model: BeadModel, modes: tuple[int, ...], patch: Tensor, focus: float, depth: float, noise: Levels, seed: int
) -> Generator[Progress, None, State]:
    """Find a pupil to begin with, yielding progress.

    Parameters
    ----------
    model
        Of the bead's stack.
    modes
        Noll indices of the wavefront.
    patch
        The bead, without the camera's offset, shape (Z, k, k).
    focus
        Height of its sharpest plane, in pixels.
    depth
        Depth of field in pixels.
    noise
        Of the patch.
    seed
        Of the random wavefronts.

    Returns
    -------
    State
        Of one bead, as the value of the generator.
    """
    planes, side = len(patch), patch.shape[-1]
    every = math.ceil(planes / _PLANES)
    chosen = range((planes - 1) % every // 2, planes, every)
    small = 2 * (side // 3) + 1
    inner = slice((side - small) // 2, (side + small) // 2)
    part, data = model.part(chosen, small), patch[list(chosen), inner, inner].contiguous()
    count = model.n_parameters
    starts = _starts(modes, count, focus, depth, seed)
    yield Progress("search", 0, SEARCH_STEPS)
    likely = sorted((explained(part.psfs(start), data, noise).deviance, i) for i, start in enumerate(starts))
    flat = _flat(count, focus)
    best = State(flat[3:], flat[None, :3], math.inf)
    for number, start in enumerate([flat, *(starts[i] for _, i in likely[: _REFINED - 1])]):
        state = State(start[3:], start[None, :3], math.inf)
        for step, better in enumerate(refined([part], [data], noise, state, _STEPS)):
            state = better
            yield Progress("search", 1 + number * _STEPS + step, SEARCH_STEPS)
        if state.deviance < best.deviance:
            best = state
        if best.deviance < _EXPLAINED * data.numel():
            break
    return best


def _flat(count: int, height: float) -> Tensor:
    start = torch.zeros(count)
    start[2] = height
    return start


def _starts(modes: tuple[int, ...], count: int, focus: float, depth: float, seed: int) -> list[Tensor]:
    """Return parameters (3 + K + A,) to compare."""
    starts = []
    spherical = _SPHERICAL_WAVES if _SPHERICAL in modes else (0.0,)
    for waves in spherical:
        for height in _HEIGHTS:
            starts.append(_flat(count, focus + depth * height))
            if waves:
                starts[-1][3 + modes.index(_SPHERICAL)] = waves
    rng = np.random.default_rng(seed)
    size = [_DRAWN_WAVES if j <= _HIGHEST else 0.0 for j in modes]
    for _ in range(_PAIRS):
        drawn = torch.from_numpy(rng.normal(0, size)).float()
        for sign in (1, -1):
            starts.append(_flat(count, focus + depth * float(rng.normal())))
            starts[-1][3 : 3 + len(modes)] = sign * drawn
    return starts
