"""The beads of a stack that a pupil is looked for in, and their patches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.calibration.beads import find_beads, reject
from napari_deepblur.calibration.camera_pixels import without_outliers
from napari_deepblur.calibration.centring import cut
from napari_deepblur.calibration.pupil.model import sharpest_plane
from napari_deepblur.calibration.reasons import Reason
from napari_deepblur.checked_image import masked_pixels
from napari_deepblur.errors import CalibrationError, NoiseError
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.optics import Microscope

_MARGIN = 2
"""Pixels around a patch, so that it is whole after it is moved by a part of a pixel."""

_FEWEST_PLANES = 3
_NOISE_PLANES = 5


class Beads(NamedTuple):
    """Beads, the brightest first.

    Attributes
    ----------
    patches
        Intensities of the stack, shape (N, Z, k, k).
    points
        Pixel in the middle of each, (row, column), shape (N, 2).
    notes
        What a user should know about them.
    """

    patches: Tensor
    points: NDArray[np.float64]
    notes: tuple[str, ...]


def checked_stack(stack: ArrayLike) -> NDArray[np.generic]:
    """Return a stack (Z, H, W) of real numbers, or raise a `CalibrationError`."""
    if masked_pixels(stack) is not None:
        raise CalibrationError(
            "The bead stack is a masked array, expected whole beads. Crop it to the part that counts."
        )
    values = np.asarray(stack)
    if values.ndim != 3 or values.dtype.kind not in "uif" or len(values) < _FEWEST_PLANES:
        raise CalibrationError(
            f"The bead stack has the shape {values.shape} and the type {values.dtype}, expected real numbers of the "
            f"shape (planes, rows, columns) with at least {_FEWEST_PLANES} planes: the pupil shows in how beads change "
            "through focus."
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise CalibrationError("The bead stack holds NaN or infinite values. Replace them, or crop them.")
    return values


def cut_beads(
    stack: NDArray[np.generic],
    microscope: Microscope,
    side: int,
    most: int,
    threshold: float | None,
    saturation: float | None,
) -> Beads:
    """Find the beads of a stack, and cut out those that show one PSF from below to above its focus.

    Parameters
    ----------
    stack
        Shape (Z, H, W).
    microscope
        The optics.
    side
        Side of the patches, odd.
    most
        How many to take.
    threshold, saturation
        Of `find_beads` and `reject`.

    Raises
    ------
    CalibrationError
        If there is none, with what was wrong with those that were found.
    """
    whole = side + 2 * _MARGIN
    if min(stack.shape[1:]) < whole:
        raise CalibrationError(
            f"The planes have {stack.shape[1]} x {stack.shape[2]} pixels, and a patch has {whole}. Choose a smaller "
            "patch size, or take a larger field."
        )
    cleaned, stuck = without_outliers(stack, microscope)
    found = find_beads(cleaned, threshold=threshold)
    reasons = reject(cleaned, found, side, _MARGIN, saturation)
    kept = [index for index, reason in enumerate(reasons) if reason is Reason.KEPT]
    if not kept:
        counts = ", ".join(f"{reasons.count(r)} {r}" for r in Reason if r is not Reason.KEPT and r in reasons)
        if not reasons:
            raise CalibrationError(
                "No bead can be used of 0 that were found: nothing stands out. Is it a stack of bright beads on a dark "
                "background? Choose a lower threshold for fainter ones."
            )
        if Reason.SATURATED in reasons:
            advice = "Expose more briefly, take dimmer beads, or state the saturation if the camera is not full there."
        else:
            advice = "Choose a smaller patch size, a lower threshold, or sparser beads."
        raise CalibrationError(
            f"No bead can be used of {len(reasons)} that were found: {counts}. One is enough, with "
            f"{side // 2 + _MARGIN} pixels around it that have no other. {advice}"
        )
    patches = torch.from_numpy(cut(cleaned, found.points[kept], side))
    focus = [sharpest_plane(patch) for patch in patches]
    through = [i for i, plane in enumerate(focus) if 0 < plane < len(stack) - 1]
    notes = []
    if not through:
        notes.append(
            "All beads are sharpest in the first or the last plane: the stack does not go through their focus, and "
            "the pupil is uncertain. Take more planes."
        )
        through = list(range(len(kept)))
    elif len(through) < len(kept):
        notes.append(f"{len(kept) - len(through)} beads have their focus at an end of the stack, and were left out.")
    if len(stuck):
        notes.append(f"{len(stuck)} pixels of the camera are stuck, and were filled in.")
    used = through[:most]
    return Beads(patches[used], found.points[kept][used], tuple(notes))


def stack_noise(stack: NDArray[np.generic], microscope: Microscope) -> PoissonGaussianNoise:
    """Estimate the noise of the planes with the most light, where it tells the photons, and take the middle one."""
    light = np.array([np.quantile(plane, 0.9995) for plane in stack])
    found = []
    for plane in np.argsort(-light)[:_NOISE_PLANES]:
        try:
            found.append(estimate_noise(stack[plane], microscope))
        except NoiseError:
            continue
    if not found:
        raise CalibrationError(
            "The noise of the bead stack cannot be estimated: the planes are too small, or have no noise. Give it "
            "(noise=PoissonGaussianNoise(alpha, beta, offset))."
        )
    return sorted(found, key=lambda noise: noise.alpha)[len(found) // 2]
