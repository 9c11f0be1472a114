"""The eight turns of the pixel grid: quarter turns and reflections, acting on images, PSFs and Zernike coefficients.

A camera's pixels look the same after each of them, and so does a microscope without aberrations: the image of a turned
scene through turned aberrations is the turned image.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.optics.zernike import zernike

TURNS = tuple((quarters, mirrored) for mirrored in (False, True) for quarters in range(4))
"""Each turn as (number of quarter turns, whether the columns are mirrored afterwards); the first changes nothing."""


def turned(pixels: Tensor, turn: tuple[int, bool]) -> Tensor:
    """Turn images or PSFs, shape (..., H, W), about their centres.

    Parameters
    ----------
    pixels
        Shape (..., H, W).
    turn
        One of `TURNS`.

    Returns
    -------
    Tensor
        Shape (..., H, W), or (..., W, H) after an odd number of quarter turns.
    """
    quarters, mirrored = turn
    result = torch.rot90(pixels, quarters, (-2, -1))
    return result.flip(-1) if mirrored else result


def turn_matrix(modes: Sequence[int], turn: tuple[int, bool]) -> NDArray[np.float32]:
    """Matrix M of a turn on Zernike coefficients: h(M theta) is the turned h(theta).

    Modes of an azimuthal order m come in pairs, cos and sin, that a turn maps to each other up to sign.

    Parameters
    ----------
    modes
        Noll indices, K of them.
    turn
        One of `TURNS`.

    Returns
    -------
    ndarray
        Shape (K, K), entries -1, 0 and 1; orthogonal if with each mode the other one of its pair is there. Otherwise
        the turn leads out of the family, and a row and a column are zero.
    """
    return _turn_matrix(tuple(modes), turn).copy()


@cache
def _turn_matrix(modes: tuple[int, ...], turn: tuple[int, bool]) -> NDArray[np.float32]:
    # Modes are orthogonal over the disk: their products, averaged over points that every turn maps onto themselves.
    y, x = np.mgrid[-31:32:2, -31:32:2] / 32
    inside = np.hypot(x, y) <= 1
    columns = []
    for j in modes:
        values = torch.from_numpy(np.where(inside, zernike(j, np.hypot(x, y), np.arctan2(y, x)), 0))
        after = turned(values, turn).numpy()
        products = [(after * np.where(inside, zernike(k, np.hypot(x, y), np.arctan2(y, x)), 0)).sum() for k in modes]
        columns.append(products / np.square(values.numpy()).sum())
    matrix: NDArray[np.float32] = np.rint(np.stack(columns, axis=1)).astype(np.float32)
    return matrix
