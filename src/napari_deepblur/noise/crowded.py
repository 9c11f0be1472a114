"""The noise of an image with many hot pixels: what they hide, and they hide it, because it is their own measure.

`estimate_noise` leaves out blocks that hold more than noise explains. Where hot pixels are in most of them, it takes
these for the noise, beside which no pixel stands out any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from napari_deepblur.noise.census import moments
from napari_deepblur.noise.estimate import estimate_noise
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.noise.outliers import isolated_pixels
from napari_deepblur.plane import Mask, Plane, RegionPlane, widened

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope

_TOO_LARGE = 4.0
"""Ratio of variances from which on an estimate is suspected, and from which on another one counts more."""

_SIDE = 5
"""Side in pixels of the medians that stand for hot pixels."""

_SEEN = 1024
"""Side in pixels of the middle of an image, which tells whether there is a suspicion."""

_MAD = 1.4826


def noise_beside_hot_pixels(
    pixels: Plane, microscope: Microscope | None, level: PoissonGaussianNoise, step: float
) -> PoissonGaussianNoise:
    """Return `level`, or what is left of it without the pixels that stand out, where that is far less.

    Parameters
    ----------
    pixels
        One image, shape (H, W), finite.
    microscope
        The optics.
    level
        The noise by `estimate_noise`.
    step
        Of the digits of the image; 0 where it has none.

    Returns
    -------
    PoissonGaussianNoise
        In the units of the image.
    """
    top, left = (max(n - _SEEN, 0) // 2 for n in pixels.shape)
    part = pixels[top : top + _SEEN, left : left + _SEEN]
    middle = float(np.median(part))
    before = float(level.variance(middle))
    mixed = part[1:, 1:] - part[1:, :-1] - part[:-1, 1:] + part[:-1, :-1]
    # Of independent noise, the variance of such a difference is four times that of a pixel.
    quiet = (_MAD * float(np.median(np.abs(mixed)))) ** 2 / 4
    if before <= _TOO_LARGE * quiet or not quiet > 0:
        return level
    darkest = moments(pixels).low
    guess = PoissonGaussianNoise(quiet / max(middle - darkest, quiet**0.5), quiet**0.5, darkest)
    hot = isolated_pixels(pixels, None if microscope is None else microscope.cutoff, guess, step)
    if not hot.any():
        return level
    cleaned = _cleaned(pixels, hot)
    seen = moments(cleaned)
    if not seen.high > seen.low:
        return level
    other = estimate_noise(cleaned, microscope)
    return other if float(other.variance(middle)) < before / _TOO_LARGE else level


def _cleaned(pixels: Plane, hot: Mask) -> Plane:
    """Put medians of what is around in the place of hot pixels."""
    if isinstance(pixels, RegionPlane):
        return _Cleaned(pixels, hot)
    return np.where(hot[:, :], median_filter(pixels, _SIDE, mode="mirror"), pixels).astype(np.float32)


@final
class _Cleaned(RegionPlane):
    def __init__(self, pixels: RegionPlane, hot: Mask) -> None:
        super().__init__(pixels.shape)
        self._pixels, self._hot = pixels, hot

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        hot = self._hot[rows, columns]
        around, inner = widened((rows, columns), self.shape, _SIDE // 2)
        part = self._pixels[around]
        return (
            np.where(hot, median_filter(part, _SIDE, mode="mirror")[inner], part[inner]) if hot.any() else part[inner]
        )
