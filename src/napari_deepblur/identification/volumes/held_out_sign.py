"""Which of two pupils explains a volume of light, none of which is negative: counts held back say.

Their power spectra may be the same, as those of h(x, y, z) and h(-x, -y, -z) are; but only from the right one does a
scene without negative light predict counts that it has not seen. A short restoration with each tells.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.identification.volumes.prepared import Prepared
from napari_deepblur.operators import VolumeOperator
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model
from napari_deepblur.solvers import HeldOut, accelerated_richardson_lucy

_LARGEST = (32, 160, 160)
"""Planes, rows and columns of the middle part that is looked at. In smaller ones the dark surroundings that the scene
is given outweigh the difference of the pupils, above all where they are the brightest."""

_HALF_PSF, _UNSEEN = 33, 2
"""Margin in rows and columns, and unknown planes above and below."""

_ITERATIONS = 25
_LEAST_ALPHA = 1e-5
"""Shot noise of noiseless stacks, relative to their largest intensity: without counts nothing can be held back."""

_TEMPERATURE = 20.0
"""The held-back counts' logarithmic odds are divided by it: scenes after so few iterations are not yet the best.

With the true coefficients the odds before division were 1 200 to 15 700 on 12 specimens at medium noise.
"""


def held_out_steps(
    prepared: Prepared, one: Tensor, other: Tensor, microscope: Microscope, modes: tuple[int, ...], step: float
) -> Generator[int, None, float]:
    """Compute the logarithm of the odds of one pupil against another; yields the number of iterations done.

    Parameters
    ----------
    prepared
        Planes, and their noise.
    one, other
        Coefficients in waves RMS, shape (K,).
    microscope, modes
        Their optics, and Noll indices.
    step
        Distance of neighbouring planes in pixel lengths, signed.

    Returns
    -------
    float
        As the value of the generator.
    """
    stack = np.clip(_middle(prepared) - prepared.noise.offset, 0, None)
    peak = float(stack.max())
    if peak <= 0 or len(stack) < 2:
        return 0.0
    image = torch.from_numpy(stack / np.float32(peak))[None]
    alpha = max(prepared.noise.alpha / peak, _LEAST_ALPHA)
    noise = alpha, prepared.noise.beta / peak
    model = psf_planes_model(microscope.pupil, modes, 2 * _HALF_PSF + 1, step, len(stack) - 1)
    right = yield from _loss_steps(image, noise, psf_planes(one, model))
    wrong = yield from _loss_steps(image, noise, psf_planes(other, model))
    return (wrong - right) / _TEMPERATURE


def _loss_steps(image: Tensor, noise: tuple[float, float], psf: Tensor) -> Generator[int, None, float]:
    """Least negative log-likelihood of the counts held back, in any iteration."""
    operator = VolumeOperator(psf, image.shape[-3:], (_UNSEEN, _HALF_PSF, _HALF_PSF))
    held = HeldOut(image, noise)
    # A scene is scored as it is seen; the last one is seen once more than it is needed.
    for state in accelerated_richardson_lucy(
        operator, held.kept, held.noise, iterations=_ITERATIONS + 1, monitor=lambda seen: held(seen) and False
    ):
        yield state.iteration
    return min(held.scores) * held.count


def _middle(prepared: Prepared) -> NDArray[np.float32]:
    """Cut out the middle of the longest row of planes without a gap."""
    planes = max(np.split(np.arange(len(prepared.numbers)), 1 + np.flatnonzero(np.diff(prepared.numbers) > 1)), key=len)
    stack = prepared.stack[planes]
    parts = []
    for length, most in zip(stack.shape, _LARGEST, strict=True):
        size = min(length, most)
        parts.append(slice((length - size) // 2, (length - size) // 2 + size))
    return np.ascontiguousarray(stack[tuple(parts)])
