"""The part of a large image in which a blur is looked for that is the same everywhere: the one that shows most."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from napari_deepblur.bands import blocks
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.plane import Mask, RegionPlane

SIDE = 2048
"""Of the part, in pixels: beyond it, what is known of the blur does not grow any more."""

_BLOCK = 128


def telling_part(plane: RegionPlane, noise: PoissonGaussianNoise, hidden: Mask | None) -> tuple[slice, slice]:
    """Return the square with most blocks that hold signal, each counting by the logarithm of its signal to noise.

    log(1 + s^2 / v) is about what a block says of the blur. With s^2 the variance that its noise v does not explain, a
    few bright objects do not outweigh a field of faint ones.

    Parameters
    ----------
    plane
        The image in its own units.
    noise
        In these units.
    hidden
        Pixels that do not count.

    Returns
    -------
    tuple
        Rows and columns.
    """
    told = _told(plane, noise, hidden)
    wide = [min(SIDE, n) for n in plane.shape]
    count = [min(max(n // _BLOCK, 1), max(have, 1)) for n, have in zip(wide, told.shape, strict=True)]
    if 0 in told.shape:
        return slice(0, wide[0]), slice(0, wide[1])
    sums = sliding_window_view(told, count).sum(axis=(-2, -1))
    first = np.unravel_index(int(np.argmax(sums)), sums.shape)
    rows, columns = (
        slice(start, start + side)
        for start, side in (
            (min(int(place) * _BLOCK, n - side), side) for place, n, side in zip(first, plane.shape, wide, strict=True)
        )
    )
    return rows, columns


def _told(plane: RegionPlane, noise: PoissonGaussianNoise, hidden: Mask | None) -> NDArray[np.float64]:
    """Say what each block tells, shape (H // 128, W // 128)."""
    shape = plane.shape[0] // _BLOCK, plane.shape[1] // _BLOCK
    found = np.zeros(shape)
    for row in range(shape[0]):
        rows = slice(row * _BLOCK, (row + 1) * _BLOCK)
        for (_, columns), _, _ in blocks((1, shape[1] * _BLOCK)):
            first, last = columns.start // _BLOCK, columns.stop // _BLOCK
            place = rows, slice(first * _BLOCK, last * _BLOCK)
            part = plane[place].astype(np.float64).reshape(_BLOCK, last - first, _BLOCK)
            mean, variance = part.mean(axis=(0, 2)), part.var(axis=(0, 2))
            level = np.maximum(noise.variance(mean), 1e-6 * np.maximum(variance, 1e-30))
            told = np.log1p(np.maximum(variance - level, 0.0) / level)
            if hidden is not None:
                told *= 1 - hidden[place].reshape(_BLOCK, last - first, _BLOCK).mean(axis=(0, 2))
            found[row, first:last] = told
    return found
