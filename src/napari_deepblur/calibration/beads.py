"""Beads: where they are, and which of them show one PSF and nothing else.

All planes of a stack show the same beads, so they are found once for the stack, around its sharpest plane, and what is
wrong with a bead is wrong with it in every plane.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.feature import peak_local_max

from napari_deepblur.calibration.reasons import Reason as Reason

Array = NDArray[np.float64]

_NOISE_LEVELS = 8.0
"""A bead stands out of the noise of the filtered image by this many standard deviations."""

_FAINTEST_NEIGHBOUR = 0.25
"""A neighbour counts if its response is at least this share of the bead's own."""

_DIMMEST, _LONGEST = 0.25, 1.8
"""Least response as a share of the median bead's; largest ratio of the axes, those of the median bead being one."""

_PLATEAU, _PLATEAU_OF_FLOATS = 3, 5
"""As many pixels of one bead at the largest value of the stack are taken for saturation.

Of floats that were computed, four can be equal: those around a bead that lies where they meet.
"""


class Candidates(NamedTuple):
    """What may be beads.

    Attributes
    ----------
    points
        Rows and columns in pixels, shape (n, 2), brightest first.
    response
        Height above the surroundings in the filtered image, shape (n,).
    plane
        The sharpest plane.
    """

    points: Array
    response: Array
    plane: int


def find_beads(stack: NDArray[np.generic], width: float = 2.2, threshold: float | None = None) -> Candidates:
    """Find everything in a stack that may be a bead.

    Each plane is filtered by a difference of Gaussians; the sharpest plane is the one with the strongest response, and
    local maxima are looked for in the largest response of it and its two neighbours on either side.

    Parameters
    ----------
    stack
        Shape (planes, rows, columns).
    width
        Standard deviation of the narrow Gaussian in pixels, about the radius of the bead's image in focus.
    threshold
        Smallest response, in the units of the stack; by default 8 standard deviations of the noise.

    Returns
    -------
    Candidates
        Possibly none.
    """
    # One plane at a time: a large stack would not fit into memory a second time.
    plane = int(np.argmax([np.quantile(_filtered(image, width), 0.9995) for image in stack]))
    near = stack[max(plane - 2, 0) : plane + 3]
    projection = np.max([_filtered(image, width) for image in near], axis=0)
    middle = float(np.median(projection))
    if threshold is None:
        spread = 1.4826 * float(np.median(np.abs(projection - middle)))
        # Without any noise the spread is that of the tails of the beads, or nothing.
        threshold = max(_NOISE_LEVELS * spread, 1e-3 * float(projection.max())) + middle
    found = peak_local_max(projection, min_distance=round(2 * width), threshold_abs=threshold, exclude_border=False)
    points = np.asarray(found, dtype=float).reshape(-1, 2)
    return Candidates(points, projection[tuple(found.T)], plane)


def reject(
    stack: NDArray[np.generic], found: Candidates, patch_size: int, margin: int, saturation: float | None = None
) -> list[Reason]:
    """Say of every candidate why it cannot be used, or that it can.

    Parameters
    ----------
    stack
        Shape (planes, rows, columns).
    found
        Its candidates.
    patch_size, margin
        Side k of the patches, and pixels around them that centring needs.
    saturation
        Intensity from which on the camera is saturated; by default the largest value of the stack, for beads that have
        several pixels of it: also of floats, which counts of a camera were converted to.

    Returns
    -------
    list of Reason
        One for each candidate; `Reason.KEPT` where nothing is wrong.
    """
    reasons = [Reason.KEPT] * len(found.points)
    half = patch_size // 2
    limit = np.array(stack.shape[1:]) - 1 - half - margin
    for index, point in enumerate(found.points):
        if (point < half + margin).any() or (point > limit).any():
            reasons[index] = Reason.BORDER
    distance = np.linalg.norm(found.points[:, None] - found.points[None], axis=-1)
    for index in _kept(reasons):
        counts = (distance[index] < patch_size) & (found.response >= _FAINTEST_NEIGHBOUR * found.response[index])
        if counts.sum() > 1:
            reasons[index] = Reason.NEIGHBOUR
    top = stack.max() if saturation is None else saturation
    enough = 1 if saturation is not None else _PLATEAU_OF_FLOATS if stack.dtype.kind == "f" else _PLATEAU
    for index in _kept(reasons):
        if (_cut(stack, found.points[index], half) >= top).sum(axis=(1, 2)).max() >= enough:
            reasons[index] = Reason.SATURATED
    usual = float(np.median(found.response[_kept(reasons)])) if _kept(reasons) else 0.0
    for index in _kept(reasons):
        if found.response[index] < _DIMMEST * usual:
            reasons[index] = Reason.DIM
    return _reject_shapes(stack[found.plane], found.points, reasons, half)


def _reject_shapes(plane: NDArray[np.generic], points: Array, reasons: list[Reason], half: int) -> list[Reason]:
    """Reject beads that are longer one way than the median bead is: astigmatism stretches all alike, a clump only one.

    The second moments of the bright part of each bead are whitened by their median over the beads.
    """
    kept = _kept(reasons)
    if len(kept) < 4:
        return reasons
    moments = np.stack([_moments(_cut(plane[None], points[index], min(half, 12))[0]) for index in kept])
    values, vectors = np.linalg.eigh(np.median(moments, axis=0))
    white = vectors / np.sqrt(np.maximum(values, 1e-6))
    for index, moment in zip(kept, moments, strict=True):
        small, large = np.linalg.eigvalsh(white.T @ moment @ white)
        if np.sqrt(large / max(small, 1e-6)) > _LONGEST:
            reasons[index] = Reason.SHAPE
    return reasons


def _moments(patch: Array) -> Array:
    """Second moments (2, 2) of what rises above a fifth of the peak, in pixels squared."""
    background = float(np.median(np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]])))
    weight = patch - background
    weight = np.maximum(weight - 0.2 * weight.max(), 0)
    weight /= max(weight.sum(), 1e-12)
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in patch.shape), indexing="ij")).reshape(2, -1)
    centred = grid - (grid @ weight.ravel())[:, None]
    # A pixel is not a point: without its own size a single bright one would have no extent at all.
    return np.asarray((centred * weight.ravel()) @ centred.T + np.eye(2) / 12)


def _filtered(plane: NDArray[np.generic], width: float) -> Array:
    pixels = plane.astype(np.float64)
    return np.asarray(gaussian_filter(pixels, width) - gaussian_filter(pixels, 2.5 * width))


def _cut(stack: NDArray[np.generic], point: Array, half: int) -> Array:
    row, column = np.round(point).astype(int)
    part = stack[:, row - half : row + half + 1, column - half : column + half + 1]
    return part.astype(np.float64)


def _kept(reasons: list[Reason]) -> list[int]:
    return [index for index, reason in enumerate(reasons) if reason is Reason.KEPT]
