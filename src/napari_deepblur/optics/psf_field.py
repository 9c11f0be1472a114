"""A picture of the point spread functions over the field of view."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyError

_SPACING = 2
"""Distance between the copies of one PSF, in PSF sizes."""

_MOST_COPIES = 5
"""Copies of one PSF along each side, at most."""


def psf_field(psfs: NDArray[np.float32], points: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Draw PSFs at their positions, true to scale, each stretched to [0, 1].

    A single PSF holds for the whole field, and is drawn on a regular grid.

    Parameters
    ----------
    psfs
        Point spread functions, shape (P, k, k), k odd.
    points
        Their positions (row, column) in pixels, shape (P, 2). Ignored for a single PSF.
    shape
        Shape (H, W) of the field.

    Returns
    -------
    ndarray
        float32, shape (H, W), 0 where there is no PSF. Where PSFs overlap the larger value is kept; what lies beyond
        the field is cut off.

    Raises
    ------
    FamilyError
        If there is not one point for each PSF.
    """
    if psfs.ndim != 3 or points.shape != (len(psfs), 2):
        raise FamilyError(
            f"PSFs of shape {psfs.shape} came with points of shape {points.shape}; expected (P, k, k) and (P, 2)."
        )
    size = psfs.shape[-1]
    if len(psfs) == 1:
        points = _grid(shape, size)
        psfs = np.repeat(psfs, len(points), axis=0)
    picture = np.zeros(shape, dtype=np.float32)
    for psf, (row, column) in zip(psfs, np.rint(points).astype(int).tolist(), strict=True):
        peak = max(float(psf.max()), float(np.finfo(np.float32).tiny))
        top, left = row - size // 2, column - size // 2
        target = picture[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)]
        first_row, first_column = max(-top, 0), max(-left, 0)
        part = psf[first_row : first_row + target.shape[0], first_column : first_column + target.shape[1]]
        np.maximum(target, part.clip(min=0) / np.float32(peak), out=target)
    return picture


def _grid(shape: tuple[int, int], size: int) -> NDArray[np.float32]:
    """Return the centres of a regular partition of the field, far enough apart to see each PSF by itself."""
    counts = [int(np.clip(length // (_SPACING * size), 1, _MOST_COPIES)) for length in shape]
    axes = [(np.arange(count) + 0.5) * length / count - 0.5 for length, count in zip(shape, counts, strict=True)]
    return np.array(list(product(*axes)), dtype=np.float32)
