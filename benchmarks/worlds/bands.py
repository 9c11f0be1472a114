"""Is what a restored image shows in the truth? Power and correlation, in rings of spatial frequency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import SettingsError

BANDS = 8
"""Rings of equal width from zero to the cut-off of the intensity, 2 fc."""

DOUBTFUL, LARGEST_RATIO = 0.7, 1.1
"""Where the ring correlation is below the first, the ratio of powers has to stay below the second."""


class Rings(NamedTuple):
    """Sums over rings of frequency, for one image or for several (`total`).

    Attributes
    ----------
    restored, true
        Power of the restored image and of the truth, shape (B,).
    shared
        Real part of the cross-spectrum, shape (B,).
    """

    restored: NDArray[np.float64]
    true: NDArray[np.float64]
    shared: NDArray[np.float64]

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Power of the restored image over that of the truth."""
        return self.restored / np.maximum(self.true, 1e-30)

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Ring correlation Re sum X_hat X* / sqrt(sum |X_hat|^2 sum |X|^2), from -1 to 1."""
        return self.shared / np.sqrt(np.maximum(self.restored * self.true, 1e-30))

    @property
    def worst_ratio(self) -> float:
        """Largest ratio of powers where the ring correlation is below `DOUBTFUL`; 0 where it never is."""
        doubtful = self.correlation < DOUBTFUL
        return float(self.ratio[doubtful].max()) if doubtful.any() else 0.0


def measure_rings(
    restored: NDArray[np.floating], true: NDArray[np.floating], limit: float, bands: int = BANDS
) -> Rings:
    """Compare the spectra of an image and the truth.

    Both lose their mean and fade to it at the border (Hann), so that the border has no spectrum of its own, and are
    divided by the standard deviation of the truth, so that sums over images count each alike.

    Parameters
    ----------
    restored, true
        Shape (H, W), in the same units.
    limit
        Highest frequency, 2 fc, in cycles per pixel.
    bands
        Number of rings.

    Raises
    ------
    SettingsError
        If the shapes differ, or a ring has no frequency of so small an image.
    """
    if restored.shape != true.shape or restored.ndim != 2:
        raise SettingsError(f"Shapes are {restored.shape} and {true.shape}, expected two equal images (H, W).")
    height, width = true.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    # Half of the plane: columns without a mirror image count once, all others twice.
    weight = np.full(frequency.shape, 2.0)
    weight[:, 0] = 1
    if width % 2 == 0:
        weight[:, -1] = 1
    ring = np.floor(frequency / limit * bands).astype(int)
    ring[0, 0] = bands
    spectra = []
    for image in (restored, true):
        values = np.asarray(image, dtype=np.float64)
        spectra.append(np.fft.rfft2(window * (values - np.average(values, weights=window))))
    scale = 1 / (np.square(window).sum() * height * width * max(float(np.var(true)), 1e-30))
    products = (np.abs(spectra[0]) ** 2, np.abs(spectra[1]) ** 2, (spectra[0] * spectra[1].conj()).real)
    sums = [
        np.bincount(ring.ravel(), (scale * weight * p).ravel(), bands + 1)[:bands].astype(np.float64) for p in products
    ]
    if not np.bincount(ring.ravel(), minlength=bands + 1)[:bands].all():
        raise SettingsError(f"Images of {height} x {width} pixels are too small for {bands} rings up to {limit:.3g}.")
    return Rings(*sums)


def total(parts: list[Rings]) -> Rings:
    """Sum over images."""
    return Rings(*(np.sum(values, axis=0) for values in zip(*parts, strict=True)))
