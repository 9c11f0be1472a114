"""The resolution of a picture, from the picture alone: decorrelation analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.checked_image import check_image
from napari_deepblur.errors import ImageError
from napari_deepblur.plane import RegionPlane

SMALLEST = 32
"""Sides below have too few rings of frequencies to tell one from the next."""

RESOLUTION_CAVEAT = (
    "The period of the finest detail that stands out of the noise, by decorrelation analysis. Of a restored image it "
    "says how far its spectrum reaches: noise that was sharpened, and detail that was invented, count as well."
)

MOST = 2048
"""Side of the middle part that is looked at, in pixels."""

_EDGE = 0.1
"""Share of each side over which the image is faded out, so that its borders are no detail."""
_FILTERS = 40
_NARROWEST = 0.15
"""Standard deviation, in pixels, of the least Gaussian that is subtracted; the largest is a quarter of the image."""
_LEAST_DROP, _LEAST_PEAK = 1e-3, 0.05
"""By how much the correlation falls after a peak, and how high the peak is, for it to be one."""


@dataclass(frozen=True)
class ImageResolution:
    """How fine the finest detail of a picture is that stands out of its noise.

    Attributes
    ----------
    um
        Period of that detail in micrometres; None where none stands out.
    """

    um: float | None

    @property
    def words(self) -> str:
        """The number with its unit, or that there is none."""
        return "not found" if self.um is None else f"{self.um:.2g} µm" if self.um < 0.1 else f"{self.um:.2f} µm"


class ResolutionGain(NamedTuple):
    """The resolution before and after a restoration.

    Attributes
    ----------
    image, result
        Of the image, and of what was made of it.
    """

    image: ImageResolution
    result: ImageResolution

    @property
    def words(self) -> str:
        """One sentence, with what it does not say."""
        return (
            f"Resolution: image {self.image.words}, result {self.result.words}. That is how far detail reaches in "
            "their spectra, not whether it is true."
        )

    def as_record(self) -> dict[str, float | None]:
        """Return it for a record, JSON-safe; in micrometres, None where it was not found."""
        return {"image_um": self.image.um, "result_um": self.result.um}

    @classmethod
    def from_record(cls, kept: Any) -> ResolutionGain | None:
        """Read what `as_record` made; None where it is anything else."""
        if not isinstance(kept, Mapping) or not {"image_um", "result_um"} <= kept.keys():
            return None
        values = [kept["image_um"], kept["result_um"]]
        if not all(value is None or (isinstance(value, int | float) and value > 0) for value in values):
            return None
        before, after = (ImageResolution(None if value is None else float(value)) for value in values)
        return cls(before, after)


class _Rings(NamedTuple):
    """Sums over rings of frequencies, from 0 to half a cycle per pixel; each of shape (N,)."""

    frequency: NDArray[np.float64]
    members: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    power: NDArray[np.float64]


def image_resolution(image: ArrayLike | RegionPlane, pixel_size_um: float) -> ImageResolution:
    """Estimate the resolution of an image by decorrelation analysis.

    With the transform I(k) of the image, I_n = I / |I|, and M(r) the disc of radius r, the correlation of the image
    with its own phases inside the disc,

        d(r) = sum_k Re(I I_n*) M(r) / sqrt( sum_k |I|^2 * sum_k |I_n M(r)|^2 ),

    rises as long as the disc takes in signal, and falls where it takes in noise that is weaker than that. The image is
    high-passed by Gaussians of many widths, and the resolution is 1 / r of the outermost peak of all the d(r).

    Parameters
    ----------
    image
        Shape (H, W), any numeric type and unit, at least 32 pixels a side.
    pixel_size_um
        Side of a pixel in micrometres.

    Returns
    -------
    ImageResolution
        A period in micrometres. It is not found where the spectrum falls nowhere to a floor of noise: in an image of
        noise alone, or of detail as fine as the pixels.

    Raises
    ------
    ImageError
        If the image cannot be processed, is smaller, or its pixels have no size.

    Notes
    -----
    Of a raw image with the noise of a camera, the number says how fine detail can be told from noise: with a sharp
    limit of the frequencies it is that limit, and with a microscope's transfer function, which fades out, a tenth to a
    third coarser than wavelength / (2 NA), the more so the less light there is.

    Of a restored image, or of any that was filtered, it says only how far its spectrum reaches, not whether what is
    there is true: the noise is gone or no longer white, and what a method invents counts as detail. It is never a proof
    that a restoration is right.

    Source: A. Descloux, K. S. Grussmayer, A. Radenovic, Nature Methods 16, 918 (2019). Since I I_n* = |I|, and the
    filters are round, sums over rings hold all that is needed: one Fourier transform serves for all filters.
    """
    if not (isinstance(pixel_size_um, Real) and np.isfinite(float(pixel_size_um)) and pixel_size_um > 0):
        raise ImageError(f"The pixels are {pixel_size_um} µm wide, expected a positive length.")
    plane = image if isinstance(image, RegionPlane) else np.asarray(image)
    # The middle of a large image is enough, and its spectrum takes little memory.
    middle = [slice(max(n - MOST, 0) // 2, max(n - MOST, 0) // 2 + MOST) for n in plane.shape]
    array = plane[middle[0], middle[1]] if len(middle) == 2 else np.asarray(plane)
    pixels = check_image(array, smallest=SMALLEST)
    rings = _rings(pixels)
    widths = np.geomspace(_NARROWEST, min(pixels.shape) / 4, _FILTERS)
    passes = [np.ones_like(rings.frequency)]
    passes += [1 - np.exp(-2 * (np.pi * width * rings.frequency) ** 2) for width in widths]
    found = [peak for gain in passes if (peak := _peak(_correlation(rings, gain))) is not None]
    if not found:
        return ImageResolution(None)
    # A ring belongs to the disc as far as its outer edge.
    outermost = 0.5 * (max(found) + 1) / len(rings.frequency)
    return ImageResolution(float(pixel_size_um / outermost))


def resolution_gain(
    image: ArrayLike | RegionPlane, result: ArrayLike | RegionPlane, pixel_size_um: float | None
) -> ResolutionGain | None:
    """Measure an image and what was made of it; None where the pixels have no size, or cannot be measured."""
    if pixel_size_um is None:
        return None
    try:
        return ResolutionGain(image_resolution(image, pixel_size_um), image_resolution(result, pixel_size_um))
    except ImageError:
        return None


def _rings(pixels: NDArray[np.float32]) -> _Rings:
    # Only where something is measured: this part of SciPy takes longer to load than most images take.
    from scipy import fft
    from scipy.signal.windows import tukey

    rows, columns = pixels.shape
    window = np.outer(tukey(rows, 2 * _EDGE), tukey(columns, 2 * _EDGE)).astype(np.float32)
    mean = float((pixels * window).sum(dtype=np.float64) / window.sum(dtype=np.float64))
    modulus = np.abs(fft.rfft2((pixels - np.float32(mean)) * window))
    y, x = fft.fftfreq(rows)[:, None], fft.rfftfreq(columns)[None]
    number = min(rows, columns) // 2
    ring = np.floor(np.hypot(y, x) * 2 * number).astype(np.int32)
    # Half of the spectrum of a real image stands for all of it, but for the columns that are their own mirror images.
    twice = np.full(modulus.shape, 2.0)
    twice[:, 0] = 1
    if columns % 2 == 0:
        twice[:, -1] = 1
    twice[0, 0] = 0
    inside = ring < number
    ring, modulus, twice = ring[inside], modulus[inside].astype(np.float64), twice[inside]

    def over(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(ring, weights, minlength=number), np.float64)

    middle = (np.arange(number) + 0.5) / (2 * number)
    return _Rings(middle, over(twice), over(twice * modulus), over(twice * modulus**2))


def _correlation(rings: _Rings, gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return d(r) at the outer edges of the rings, of the image after a filter of this gain."""
    total = float((gain**2 * rings.power).sum())
    if not total > 0:
        return np.zeros_like(gain)
    return np.asarray(np.cumsum(gain * rings.amplitude) / np.sqrt(total * np.cumsum(rings.members).clip(min=1)))


def _peak(correlation: NDArray[np.float64]) -> int | None:
    """Return where the correlation is highest, of the places after which it falls; None where it only rises."""
    later = np.minimum.accumulate(correlation[::-1])[::-1]
    falls = correlation - later > _LEAST_DROP
    if not falls.any():
        return None
    place = int(np.argmax(np.where(falls, correlation, -1.0)))
    return place if correlation[place] > _LEAST_PEAK else None
