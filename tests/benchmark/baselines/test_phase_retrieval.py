from __future__ import annotations

import numpy as np
from scipy.fft import rfft2

from benchmarks.baselines.phase_retrieval import retrieve_phases


def test_a_small_kernel_is_found_from_its_magnitude() -> None:
    kernel = np.zeros((9, 9))
    kernel[2, 2:6] = (1, 2, 3, 2)
    kernel[3:7, 5] = (3, 2, 2, 1)
    kernel /= kernel.sum()
    support = np.zeros((20, 20), dtype=bool)
    support[:9, :9] = True
    magnitude = np.abs(rfft2(kernel, (20, 20)))
    found = retrieve_phases(magnitude, support, 8, 300, np.random.default_rng(0))
    assert found.shape == (8, 9, 9) and found.min() >= 0
    errors = [min(_distance(kernel, one), _distance(kernel, one[::-1, ::-1])) for one in found]
    assert min(errors) < 0.01 * (kernel**2).sum()


def _distance(true: np.ndarray, found: np.ndarray) -> float:
    """Squared distance, smallest over shifts."""
    padded = np.pad(found, 9)
    return min(float(((padded[i : i + 9, j : j + 9] - true) ** 2).sum()) for i in range(19) for j in range(19))
