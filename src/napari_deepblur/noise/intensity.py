"""One global affine map between the camera's units and [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.census import moments, percentiles
from napari_deepblur.plane import Plane

_LOW, _HIGH = 0.1, 99.9
"""Percentiles that become 0 and 1."""


@dataclass(frozen=True)
class AffineScale:
    """The map v = (u - offset) / span.

    Attributes
    ----------
    offset
        Intensity that becomes 0.
    span
        Positive difference to the intensity that becomes 1.
    """

    offset: float
    span: float

    def to_unit(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map an image to about [0, 1]; values beyond the percentiles lie outside and are kept."""
        # In place: of a large image there is no room for copies.
        mapped = np.subtract(image, np.float32(self.offset), dtype=np.float32)
        mapped /= np.float32(self.span)
        return mapped

    def from_unit(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map back to the image's own units."""
        mapped = np.multiply(image, np.float32(self.span), dtype=np.float32)
        mapped += np.float32(self.offset)
        return mapped

    def noise_to_unit(self, noise: PoissonGaussianNoise) -> PoissonGaussianNoise:
        """Noise of the mapped image, written with offset 0: the same line of variance over [0, 1]."""
        return noise.rescaled(1 / self.span, -self.offset / self.span).referred_to(0.0)


def unit_scale(image: Plane) -> AffineScale:
    """Find the map that takes the 0.1 and 99.9 percentiles of an image to 0 and 1.

    Parameters
    ----------
    image
        A checked image, not constant.

    Returns
    -------
    AffineScale
        For an image that is constant but for a few pixels, the map of its minimum and maximum.
    """
    low, high = percentiles(image, (_LOW, _HIGH))
    if not high > low:
        all_of_it = moments(image)
        low, high = all_of_it.low, all_of_it.high
    return AffineScale(low, high - low)
