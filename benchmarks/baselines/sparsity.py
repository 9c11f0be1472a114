"""Choose among kernels by the scene that each would bring: the sparsest gradients win."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, rfft2

from benchmarks.baselines.kernels import Array
from benchmarks.baselines.periodic import (
    differences_adjoint,
    extended,
    forward_differences,
    stiffness,
    wrapped,
)

_FIDELITY = 500.0
_SPLITS = tuple(4.0**power for power in range(6))


def busiest_patch(image: Array, side: int) -> Array:
    """Cut out the square of largest variance, of those on a grid of half its side."""
    rows, columns = (min(side, length) for length in image.shape)
    corners = [
        (top, left)
        for top in range(0, image.shape[0] - rows + 1, max(1, side // 2))
        for left in range(0, image.shape[1] - columns + 1, max(1, side // 2))
    ]
    top, left = max(corners, key=lambda at: float(image[at[0] : at[0] + rows, at[1] : at[1] + columns].var()))
    return image[top : top + rows, left : left + columns]


def gradient_sparsity(image: Array, kernel: Array) -> float:
    """Sum of the gradient's magnitudes over its norm, |grad u|_1 / |grad u|_2, of the deconvolved image u.

    u = argmin mu/2 |h * u - v|^2 + |grad u|_1 by half-quadratic splitting, roughly.

    Parameters
    ----------
    image
        Blurred patch v with values of order one, shape (H, W).
    kernel
        h, shape (k, k), sum 1.

    Returns
    -------
    float
        Low where the kernel explains the blur; between 1 and sqrt(H W).

    Notes
    -----
    Source: D. Krishnan, T. Tay and R. Fergus, Blind deconvolution using a normalized sparsity measure, CVPR 2011.
    """
    rows, columns = image.shape
    scene = extended(image, kernel.shape[0])
    shape = scene.shape
    blur = rfft2(wrapped(kernel.astype(scene.dtype), shape))
    data, power = _FIDELITY * np.conj(blur) * rfft2(scene), _FIDELITY * np.abs(blur) ** 2
    stiff = stiffness(shape)
    for split in _SPLITS:
        slopes = forward_differences(scene)
        length = np.hypot(*slopes)
        kept = np.maximum(1 - 1 / (split * np.maximum(length, 1e-12)), 0.0)
        pull = differences_adjoint(kept * slopes[0], kept * slopes[1])
        scene = irfft2((data + split * rfft2(pull)) / (power + split * stiff), shape)
    steps = [slope[: rows - 1, : columns - 1] for slope in forward_differences(scene)]
    length = np.sqrt(steps[0] ** 2 + steps[1] ** 2)
    return float(length.sum() / max(float(np.sqrt((length**2).sum())), 1e-12))
