"""PSFs at another sampling."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline


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


def resampled_planes(psf: NDArray[np.floating], focus: int, factor: float, reach: int) -> NDArray[np.float64]:
    """Take the planes of a PSF at other distances, by splines along z, the focus in the middle.

    Parameters
    ----------
    psf
        Shape (P, k, l).
    focus
        Its plane in focus.
    factor
        Distance of the new planes over that of the old ones; negative for the other order.
    reach
        Most planes on each side of the focus; as many as the PSF has on its longer side where that is less.

    Returns
    -------
    ndarray
        Shape (2 r + 1, k, l); planes that nobody measured are zero.
    """
    longer = max(focus, len(psf) - 1 - focus)
    most = min(reach, math.floor(longer / abs(factor) + 1e-6))
    places = focus + factor * np.arange(-most, most + 1)
    inside = (places > -1e-6) & (places < len(psf) - 1 + 1e-6)
    planes = np.zeros((len(places), *psf.shape[1:]))
    whole = np.round(places)
    if np.abs(places - whole).max() < 1e-6:
        planes[inside] = psf[whole[inside].astype(int)]
    else:
        planes[inside] = CubicSpline(np.arange(len(psf)), psf, axis=0)(places[inside])
    return planes
