"""How many eigen-PSFs and maps: as many as still help to predict the PSFs of beads that were left out.

The beads of every stack are dealt out to a few folds. With one fold left out, basis, splines and maps are made from
the others and predict the PSFs at its places; the error is |p - p_hat|^2 / |h|^2, h the mean PSF of the plane. It holds
the noise of the left-out beads, which no model can predict and which is the same for every number, so that only
differences count. Numbers beyond which the error falls by less than `TOLERANCE` are not worth their price.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.calibration.basis import BeadSet, FieldModel, coefficients, eigen_psfs, fit_functions, fit_maps
from napari_deepblur.calibration.splines import FEWEST_POINTS
from napari_deepblur.progress import Progress

Array = NDArray[np.float64]

TOLERANCE = 1e-3
"""Relative squared error that a smaller model may be worse by than the best: a tenth of what 20 dB allow."""

MOST_PSFS, MOST_MAPS = 32, 24
_FOLDS = 4

FEWEST_BEADS = FEWEST_POINTS * _FOLDS // (_FOLDS - 1)
"""Beads that a stack needs, so that splines can be fitted without those that are left out."""


def folds(sets: Sequence[BeadSet], seed: int = 0) -> list[NDArray[np.intp]]:
    """Deal out the beads of each stack at random: a fold number for each."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(np.arange(len(beads.points)) % _FOLDS) for beads in sets]


def choose(errors: Array) -> int:
    """Return the smallest number, from 1, whose error is within `TOLERANCE` of the least; errors[n] belongs to n."""
    return max(1, int(np.flatnonzero(errors <= errors.min() + TOLERANCE)[0]))


def psf_errors(sets: Sequence[BeadSet], most: int = MOST_PSFS) -> Generator[Progress, None, Array]:
    """Hold-out error with 0, 1, ..., `most` eigen-PSFs and all maps; shape (most + 1,)."""
    dealt = folds(sets)
    total, count = np.zeros(most + 1), 0
    yield Progress("select", 0, _FOLDS)
    for fold in range(_FOLDS):
        training = [beads.subset(number != fold) for beads, number in zip(sets, dealt, strict=True)]
        basis, _ = eigen_psfs(training, most)
        for beads, others, number in zip(sets, training, dealt, strict=True):
            left = beads.subset(number == fold)
            predicted = fit_functions(others, basis)(left.points).reshape(len(left.points), -1, len(basis))
            energy = np.square(left.patches).sum(axis=-1, dtype=np.float64)
            gains = 2 * predicted * coefficients(left, basis) - np.square(predicted)
            errors = energy[..., None] - np.cumsum(np.concatenate([0 * gains[..., :1], gains], axis=-1), axis=-1)
            total[: len(basis) + 1] += (errors / np.square(beads.norms)[:, None]).sum(axis=(0, 1))
            count += energy.size
        yield Progress("select", fold + 1, _FOLDS)
    return total / count


def map_errors(sets: Sequence[BeadSet], n_psfs: int, most: int = MOST_MAPS) -> Generator[Progress, None, Array]:
    """Hold-out error with `n_psfs` eigen-PSFs and 0, ..., `most` maps; shape (most + 1,)."""
    dealt = folds(sets)
    total, count = np.zeros(most + 1), 0
    yield Progress("select", 0, _FOLDS)
    for fold in range(_FOLDS):
        training = [beads.subset(number != fold) for beads, number in zip(sets, dealt, strict=True)]
        basis, _ = eigen_psfs(training, n_psfs)
        model = fit_maps(training, [fit_functions(beads, basis) for beads in training], n_psfs, most)
        planes = 0
        for beads, number in zip(sets, dealt, strict=True):
            left = beads.subset(number == fold)
            theta = model.theta[planes : planes + len(beads.norms)]
            planes += len(beads.norms)
            errors = _cumulative_errors(left, basis, model, theta)
            total += np.pad(errors, (0, most + 1 - len(errors)), mode="edge")
            count += left.patches.shape[0] * left.patches.shape[1]
        yield Progress("select", fold + 1, _FOLDS)
    return total / count


def _cumulative_errors(left: BeadSet, basis: Array, model: FieldModel, theta: Array) -> Array:
    """Sum of the errors of left-out beads with 0, 1, ..., J maps, shape (J + 1,)."""
    measured = coefficients(left, basis)
    maps = model.maps(left.points)
    predicted = np.zeros_like(measured)
    outside = np.square(left.patches).sum(axis=-1, dtype=np.float64) - np.square(measured).sum(axis=-1)
    sums = []
    for j in range(theta.shape[-1] + 1):
        if j:
            predicted += maps[j - 1][:, None, None] * theta[:, :, j - 1]
        error = outside + np.square(measured - predicted).sum(axis=-1)
        sums.append(float((error / np.square(left.norms)).sum()))
    return np.array(sums)
