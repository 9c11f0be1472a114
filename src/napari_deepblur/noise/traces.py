"""Traces in the pixels of an image of what was done to it: compression, smoothing, enlargement, clipping.

Identification believes that an image is a scene, blurred by the optics, with noise that is independent from pixel to
pixel. What comes out of a compressor, a denoiser or a resampler is not, and says so in its pixels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft2

from napari_deepblur.noise.model import PoissonGaussianNoise

Array = NDArray[np.float64]

_WINDOW = 64
_BLOCK = 8
_LARGEST_SIDE = 1024
_LEAST = 1e-12


class Traces(NamedTuple):
    """What the pixels give away; each number is about 0 for an image as a camera takes it.

    Attributes
    ----------
    blocks
        How much larger the steps across one phase of a grid of 8 pixels are than across the others (log ratio): JPEG.
    rows
        The same for every second row: interlaced cameras.
    beyond
        Log ratio of the power just beyond the band of the optics, 2 fc, to that far beyond: sharper than they permit.
    corner
        Log ratio of the power at the highest frequencies to the noise: below 0 where noise was smoothed.
    direction
        Largest log ratio of power between two perpendicular directions at high frequencies: motion.
    levels
        Bits that the intensities have, log2 of the number of different ones; at most 16.
    clipped
        Share of the pixels that are as bright as the brightest, or as dark as the darkest.
    contrast
        Log ratio of the image's standard deviation to that of its noise; at most 7.
    side
        Geometric mean of the sides that were looked at, in pixels: what chance adds to the others is in proportion to
        its inverse.
    """

    blocks: float
    rows: float
    beyond: float
    corner: float
    direction: float
    levels: float
    clipped: float
    contrast: float
    side: float


def find_traces(image: NDArray[np.float32], cutoff: float, noise: PoissonGaussianNoise) -> Traces:
    """Look for traces in an image.

    Parameters
    ----------
    image
        In its own units, shape (H, W), each side at least 16; of larger ones the middle 1024 pixels count.
    cutoff
        fc, in cycles per pixel.
    noise
        In the units of the image.
    """
    rows, columns = (
        slice(max(n - _LARGEST_SIDE, 0) // 2, max(n - _LARGEST_SIDE, 0) // 2 + _LARGEST_SIDE) for n in image.shape
    )
    pixels = image[rows, columns].astype(np.float64)
    unit = max(float(np.ptp(pixels)), _LEAST)
    pixels = (pixels - pixels.min()) / unit
    variance = float(noise.variance(float(image.mean()))) / unit**2
    radius, angle, power = _spectrum(pixels)
    floor = max(variance, _LEAST)
    band = 2 * cutoff
    edge, far = (radius > band) & (radius < band + 0.06), radius > max(band + 0.08, 0.56)
    high = radius > 0.62
    fine = (radius > 0.5 * band) & (radius < 0.9 * band)
    return Traces(
        blocks=max(_phases(np.abs(np.diff(pixels, axis=axis)), axis, _BLOCK) for axis in (0, 1)),
        rows=_interlaced(pixels),
        beyond=_ratio(_mean(power, edge), max(_mean(power, far), floor)),
        corner=_ratio(_mean(power, high), floor) if variance > 0 else 0.0,
        direction=_direction(angle[fine], power[fine], floor),
        levels=min(math.log2(max(len(np.unique(image)), 1)), 16.0),
        clipped=float(np.mean(pixels >= 1.0) + np.mean(pixels <= 0.0)) - 2 / pixels.size,
        contrast=min(0.5 * math.log(max(float(pixels.var()), _LEAST) / floor), 7.0),
        side=math.sqrt(pixels.size),
    )


def _spectrum(pixels: Array) -> tuple[Array, Array, Array]:
    """Radius and angle of each frequency, and the averaged periodogram: white noise of variance v has the level v."""
    side = min(_WINDOW, *pixels.shape)
    taper = np.hanning(side + 1)[:-1]
    taper = np.outer(taper, taper)
    taper /= math.sqrt(float(np.square(taper).sum()))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (side, side))[:: side // 2, :: side // 2]
    windows = windows.reshape(-1, side, side)
    windows = windows - windows.mean(axis=(1, 2), keepdims=True)
    power = np.mean(np.square(np.abs(rfft2(windows * taper))), axis=0)
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]
    return np.hypot(fy, fx), np.arctan2(fy, np.broadcast_to(fx, power.shape)), power


def _mean(power: Array, where: NDArray[np.bool_]) -> float:
    return float(power[where].mean()) if where.any() else 0.0


def _ratio(a: float, b: float) -> float:
    return float(np.clip(math.log(max(a, _LEAST) / max(b, _LEAST)), -10, 10))


def _phases(steps: Array, axis: int, period: int) -> float:
    """Log ratio of the largest mean step at one phase of `period` to the median of all."""
    profile = steps.mean(axis=1 - axis)
    count = len(profile) // period * period
    if count < 4 * period:
        return 0.0
    # A bright edge is not a grid: each step counts by its rank among its neighbours.
    folded = profile[:count].reshape(-1, period)
    means = np.median(folded / np.maximum(folded.mean(axis=1, keepdims=True), _LEAST), axis=0)
    return _ratio(float(means.max()), float(np.median(means)))


def _interlaced(pixels: Array) -> float:
    """Log ratio of the difference to the neighbouring rows to that to the rows after those, against the columns'."""

    def steps(values: Array) -> float:
        near, next_one = np.square(values[1:-1] - values[:-2]).mean(), np.square(values[2:] - values[:-2]).mean()
        return _ratio(float(near), float(next_one))

    return steps(pixels) - steps(pixels.T)


def _direction(angle: Array, power: Array, floor: float) -> float:
    if not len(power):
        return 0.0
    sectors = ((angle / math.pi + 0.5) * 8).astype(int) % 8
    totals = np.array([_mean(power, sectors == i) for i in range(8)]) + floor
    logs = np.log(np.maximum(totals, _LEAST))
    return float(np.max(np.abs(logs[:4] - logs[4:])))
