"""A photograph blurred by a curved motion, without noise: a case where both methods are known to work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

Array = NDArray[np.float64]
SIZE = 21


@pytest.fixture(scope="session")
def motion_kernel() -> Array:
    """Make a curved path of ten pixels, 21 x 21."""
    rng = np.random.default_rng(1)
    heading = np.cumsum(rng.normal(0, 0.05, 400)) + rng.uniform(0, 6.3)
    path = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1), 0) * 14 / 400
    path = np.rint(4 * (path - path.mean(0))).astype(int) + 4 * SIZE // 2
    fine = np.zeros((4 * SIZE, 4 * SIZE))
    np.add.at(fine, (path[:, 0], path[:, 1]), 1.0)
    kernel = gaussian_filter(fine.reshape(SIZE, 4, SIZE, 4).sum((1, 3)), 0.6)
    return np.asarray(kernel / kernel.sum())


@pytest.fixture(scope="session")
def blurred(motion_kernel: Array) -> Array:
    """Blur a photograph, 220 x 220."""
    sharp = skimage.data.camera()[60:300, 100:340] / 255.0
    return np.asarray(fftconvolve(sharp, motion_kernel, mode="valid"))


@pytest.fixture(scope="session")
def kernel_snr() -> Callable[[Array, Array], float]:
    """Return -10 log10(|h - h_hat|^2 / |h|^2), best over shifts up to six pixels."""

    def snr(true: Array, found: Array) -> float:
        reach, side = 6, true.shape[0]
        padded = np.pad(found, reach)
        errors = [
            ((padded[i : i + side, j : j + side] - true) ** 2).sum()
            for i in range(2 * reach + 1)
            for j in range(2 * reach + 1)
        ]
        return float(-10 * np.log10(min(errors) / (true**2).sum()))

    return snr


@pytest.fixture(scope="session")
def naive_snr(motion_kernel: Array, kernel_snr: Callable[[Array, Array], float]) -> float:
    """Return the best that a Gaussian of fitted width can do; a point does worse."""
    point = np.zeros((SIZE, SIZE))
    point[SIZE // 2, SIZE // 2] = 1.0
    return max(kernel_snr(motion_kernel, gaussian_filter(point, width)) for width in np.arange(0.2, 6.0, 0.2))
