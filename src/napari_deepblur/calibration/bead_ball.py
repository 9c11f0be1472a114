"""The bead itself: what it does to the image of a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ball_transfer(shape: tuple[int, int], diameter: float) -> NDArray[np.float64]:
    """Transfer function of a uniformly bright ball seen from above, T(f) = 3 (sin q - q cos q) / q^3, q = pi d f.

    Parameters
    ----------
    shape
        Rows and columns of the image.
    diameter
        Diameter d in pixels.

    Returns
    -------
    ndarray
        Real, 1 at the frequency zero, at the frequencies of ``numpy.fft.rfft2``.
    """
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    q = np.pi * diameter * frequency
    safe = np.maximum(q, 1e-2)
    return np.where(q < 1e-2, 1 - q**2 / 10, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3)
