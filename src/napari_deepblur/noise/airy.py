"""The Airy pattern, the sharpest picture of a point: what is sharper than it no optics have imaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import j1


def airy(radius: NDArray[np.float64], fc: float) -> NDArray[np.float64]:
    """Return (2 J_1(q) / q)^2, q = 2 pi fc r, one in the middle.

    Parameters
    ----------
    radius
        r in pixels, of any shape.
    fc
        Cut-off of the pupil in cycles per pixel.
    """
    q = np.maximum(2 * np.pi * fc * radius, 1e-6)
    return np.asarray((2 * j1(q) / q) ** 2)
