"""PSFs at another sampling."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def resampled_psfs(psfs: NDArray[np.floating], factor: float, largest: int) -> NDArray[np.float64]:
    """Sample PSFs at `factor` times as many pixels a length, by band-limited interpolation; sums are kept.

    Parameters
    ----------
    psfs
        Shape (N, k, k), k odd.
    factor
        Pixels of the new grid on a pixel of the old one.
    largest
        Longest side of the new PSFs, odd; what lies beyond is cut off.

    Returns
    -------
    ndarray
        Shape (N, k', k'), k' odd.
    """
    half = psfs.shape[-1] // 2
    reach = min(math.ceil(half * factor), largest // 2)
    positions = np.arange(-reach, reach + 1) / factor
    # With fewer pixels than before, the kernel also removes what the new grid cannot hold.
    band = min(1.0, factor)
    kernel = band * np.sinc(band * (positions[:, None] - np.arange(-half, half + 1)[None, :]))
    rows = np.einsum("ab,ibc->iac", kernel, psfs.astype(np.float64), optimize=True)
    return np.asarray(np.einsum("iac,dc->iad", rows, kernel, optimize=True) / factor**2)
