"""Parts of the field of view whose evidence is gathered at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.networks.statistics import WINDOW


def partition(shape: tuple[int, int], side: int, most: int | None = None) -> list[tuple[slice, slice]]:
    """Divide a field into nearly equal parts of about `side` pixels, none smaller than a window of the network.

    Parameters
    ----------
    shape
        Rows and columns of the field.
    side
        Wanted side of a part.
    most
        Largest number of parts along an axis.

    Returns
    -------
    list
        Rows and columns of each part.
    """

    def parts(length: int) -> list[slice]:
        count = min(max(1, round(length / side)), most or length)
        edges = np.linspace(0, max(length, WINDOW), count + 1).round().astype(int).tolist()
        return [slice(a, b) for a, b in pairwise(edges)]

    return [(rows, columns) for rows in parts(shape[0]) for columns in parts(shape[1])]


def at_least(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mirror images that are smaller than one window."""
    missing = [max(side - length, 0) for length in image.shape]
    return np.pad(image, [(0, m) for m in missing], mode="symmetric") if any(missing) else image
