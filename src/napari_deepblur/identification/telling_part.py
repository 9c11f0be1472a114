"""The part of a large image in which a blur is looked for that is the same everywhere: the one that shows most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.bands import blocks
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
    count = [max(n // _BLOCK, 1) for n in wide]
    # Means over squares that begin at each block.
    means = told
    for axis, n in enumerate(count):
        means = uniform_filter(means, [n if a == axis else 1 for a in (0, 1)], mode="constant", origin=-((n - 1) // 2))
    last = [max(side - n, 0) + 1 for side, n in zip(told.shape, count, strict=True)]
    rows, columns = np.unravel_index(int(np.argmax(means[: last[0], : last[1]])), (last[0], last[1]))
    firsts = (int(rows) * _BLOCK, int(columns) * _BLOCK)
    starts = [min(first, n - side) for first, n, side in zip(firsts, plane.shape, wide, strict=True)]
    return slice(starts[0], starts[0] + wide[0]), slice(starts[1], starts[1] + wide[1])


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
