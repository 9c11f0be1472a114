"""Resampling to the optical scale at which the identification network works."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from napari_deepblur.noise import PoissonGaussianNoise

_TOLERANCE = 0.01
"""Relative difference of cut-offs below which nothing is resampled."""


def resample(
    image: NDArray[np.float32], noise: PoissonGaussianNoise, factor: float
) -> tuple[NDArray[np.float32], PoissonGaussianNoise]:
    """Resample an image to `factor` times as many pixels a side, and its noise model with it.

    The image is band-limited, so that keeping the low frequencies loses nothing but noise. The frequencies are those of
    the cosine transform: its mirrored extension has no jump at the borders, where a Fourier transform would ring.

    Parameters
    ----------
    image
        Shape (H, W).
    noise
        Its noise, white.
    factor
        Pixels a side after over before.

    Returns
    -------
    tuple
        The resampled image and its noise, whose variance scales with the number of pixels. With more pixels than
        before that is the level at the frequencies there were; the new ones are empty.
    """
    if abs(factor - 1) < _TOLERANCE:
        return image, noise
    before = np.array(image.shape)
    after = np.maximum(np.rint(before * factor).astype(int), 1)
    kept = np.minimum(before, after)
    spectrum = dctn(image, norm="ortho")[: kept[0], : kept[1]]
    padded = np.pad(spectrum, [(0, a - k) for a, k in zip(after, kept, strict=True)])
    area_ratio = float(after.prod() / before.prod())
    resampled = idctn(padded, norm="ortho").astype(np.float32) * np.float32(area_ratio**0.5)
    scaled = PoissonGaussianNoise(noise.alpha * area_ratio, noise.beta * area_ratio**0.5, noise.offset)
    return resampled, scaled
