"""Periodic images: extend one smoothly, wrap a kernel, take differences."""

from __future__ import annotations

import numpy as np
from scipy.fft import next_fast_len

from benchmarks.baselines.kernels import Array


def extended(image: Array, size: int) -> Array:
    """Extend an image at its lower and right border so that it goes smoothly over into its upper and left one.

    Parameters
    ----------
    image
        Shape (H, W).
    size
        At least so many rows and columns are added, twice.

    Returns
    -------
    ndarray
        float32, shape at least (H + 2 size, W + 2 size), fit for fast Fourier transforms; float32 takes half the time
        and has far more digits than the methods need.
    """
    whole = image.astype(np.float32)
    for axis in (0, 1):
        along = np.moveaxis(whole, axis, 0)
        length = along.shape[0]
        extra = next_fast_len(length + 2 * size, real=True) - length
        fade = (0.5 + 0.5 * np.cos(np.pi * (np.arange(extra, dtype=np.float32) + 0.5) / extra))[:, None]
        after = np.pad(along, ((0, extra), (0, 0)), mode="symmetric")[length:]
        before = np.pad(along, ((extra, 0), (0, 0)), mode="symmetric")[:extra]
        whole = np.moveaxis(np.concatenate([along, fade * after + (1 - fade) * before]), 0, axis)
    return np.ascontiguousarray(whole)


def wrapped(kernel: Array, shape: tuple[int, ...]) -> Array:
    """Put a kernel into a periodic image of this shape, its centre at the origin."""
    rows, columns = kernel.shape
    canvas = np.zeros(shape, dtype=kernel.dtype)
    canvas[:rows, :columns] = kernel
    return np.roll(canvas, (-(rows // 2), -(columns // 2)), (0, 1))


def forward_differences(image: Array) -> tuple[Array, Array]:
    """Return the next pixel minus this one, along columns (x) and along rows (y), periodic, shape (H, W) each."""
    return np.roll(image, -1, 1) - image, np.roll(image, -1, 0) - image


def differences_adjoint(along_x: Array, along_y: Array) -> Array:
    """Adjoint of `forward_differences`, shape (H, W)."""
    return np.roll(along_x, 1, 1) - along_x + np.roll(along_y, 1, 0) - along_y


def stiffness(shape: tuple[int, ...]) -> Array:
    """Spectrum of D'D, with D the forward differences: 4 sin^2(pi f_x) + 4 sin^2(pi f_y), in the order of rfft2."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    return np.asarray(4 * np.sin(np.pi * fy) ** 2 + 4 * np.sin(np.pi * fx) ** 2, dtype=np.float32)
