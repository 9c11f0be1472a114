"""Noise level from one blurred image: what is left where the microscope cannot put any signal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter
from scipy.signal import oaconvolve

from napari_deepblur.bands import bands
from napari_deepblur.errors import ImageError, NoiseError
from napari_deepblur.noise.census import moments, percentiles, step_of
from napari_deepblur.noise.filters import FILTER_SIZE, FilterBank, degrees_of_freedom, signal_free_filters
from napari_deepblur.noise.lattice import lattice_step
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.noise.variance_line import Blocks, variance_line
from napari_deepblur.optics import Microscope, as_microscope
from napari_deepblur.plane import Plane, RegionPlane

Array = NDArray[np.float64]

SMALLEST_SIDE = 32
"""Shortest side, in pixels, of an image whose noise can be estimated."""

_BLOCK = 8
_LARGEST_SIDE = 1536
_WINDOW, _WINDOWS = 256, 6
_LEAKAGE_TO_NOISE = 0.02
_MOST_CLIPPED = 0.01
_TILE = 128
"""Side, in pixels, of what is filtered at once."""


def estimate_noise(image: ArrayLike | RegionPlane, microscope: Microscope | None = None) -> PoissonGaussianNoise:
    """Estimate the noise of one blurred image, var y = alpha max(u - offset, 0) + beta^2, in its own units.

    An image made by a microscope holds no signal beyond 2 fc. Short filters k_i that pass only such frequencies
    leave residuals r_i = k_i * y whose mean squares obey E r_i^2 = k_i^2 * var(y) exactly, so that with one
    variance line for all pixels r_i^2 is a straight line in k_i^2 * y. That line is fitted over blocks of 8 x 8
    pixels by weighted non-negative least squares, without blocks that are clipped or hold more than noise explains.

    Parameters
    ----------
    image
        One image of shape (H, W), both at least 32, of any real type and units; or a plane that is read by regions.
    microscope
        The optics; tells which frequencies are free of signal. Without it, fc = 0.28 cycles per pixel is assumed,
        which suits every image that is sampled at Nyquist's rate or finer.

    Returns
    -------
    PoissonGaussianNoise
        The offset is 0 unless the image cannot have that one: where intensities are negative, or where the line
        of variance clearly crosses zero at a positive intensity (counts above a camera's bias), it is the intensity
        of the darkest places, and beta the noise there.

    Raises
    ------
    ImageError
        If the image is not two-dimensional, not real, or holds NaN or infinities.
    NoiseError
        If the image is too small, or constant: give alpha and beta instead.

    Notes
    -----
    The noise has to be independent from pixel to pixel. Images that were resized, compressed or smoothed after
    acquisition seem to have less noise than they have; scenes sharper than the pixels, such as drawings, more.
    Rounding counts as noise. The step q of an image's digits is found from its values (`lattice_step`), also where
    whole numbers were scaled, and the variance is nowhere below q^2 / 12. Filters alone would miss it: where an image
    is smooth, coarse digits leave no difference at all, and yet each is wrong by as much.
    """
    # Centred and of unit range, where no unit of the caller's can over- or underflow.
    pixels, step = _centred(image) if isinstance(image, RegionPlane) else _checked(image)
    centre, unit = pixels.centre, pixels.unit
    bank = signal_free_filters(None if microscope is None else as_microscope(microscope).cutoff)
    bank = _quiet_filters(pixels, bank)
    blocks = _block_statistics(pixels, bank.filters)
    alpha, variance, offset = variance_line(blocks, zero=-centre / unit, rounding=(step / unit) ** 2 / 12)
    beta = unit * math.sqrt(variance)
    return PoissonGaussianNoise(unit * alpha, beta, 0.0 if offset is None else unit * offset + centre)


@dataclass(frozen=True, eq=False)
class _Centred:
    """An image as (values - centre) / unit in float64, of which only the part that is looked at is made.

    `low` and `high` are its least and its largest value.
    """

    values: Plane
    low: float
    high: float
    centre: float

    @property
    def unit(self) -> float:
        return self.high - self.low

    def part(self, place: tuple[slice, slice]) -> Array:
        return np.asarray((self.values[place].astype(np.float64) - self.centre) / self.unit)

    def variance(self) -> float:
        if isinstance(self.values, RegionPlane):
            return moments(self.values).variance / self.unit**2
        means, squares, count = 0.0, 0.0, self.values.size
        for rows, _, _ in bands(self.values.shape):
            part = self.part((rows, slice(None)))
            means += float(part.sum()) / count
            squares += float(np.square(part).sum()) / count
        return max(squares - means**2, 0.0)


def _centred(plane: RegionPlane) -> tuple[_Centred, float]:
    """Look at all of a plane that was checked before."""
    _check_size(plane.shape)
    whole = moments(plane)
    _check_contrast(whole.low, whole.high)
    return _Centred(plane, whole.low, whole.high, percentiles(plane, (50.0,))[0]), step_of(plane)


def _check_size(shape: tuple[int, ...]) -> None:
    if min(shape) < SMALLEST_SIDE:
        raise NoiseError(
            f"The image has shape {shape}, expected at least {SMALLEST_SIDE} pixels a side to estimate its "
            "noise. Give alpha and beta instead, or estimate them from a larger image of the same camera."
        )


def _check_contrast(lowest: float, highest: float) -> None:
    if lowest == highest:
        raise NoiseError(
            f"Every pixel of the image is {lowest:g}: a constant image says nothing about noise. "
            "Is it the right layer or plane? Otherwise give alpha and beta."
        )


def _checked(image: ArrayLike) -> tuple[_Centred, float]:
    """Return the image as numbers, and the step of its digits (zero where there is none)."""
    array = np.asarray(image)
    if array.dtype.kind not in "biuf":
        raise ImageError(
            f"The image has the type {array.dtype}, expected real numbers. Take its modulus or one channel."
        )
    if array.ndim != 2:
        raise ImageError(f"The image has shape {array.shape}, expected two axes (rows, columns). Pass one plane.")
    _check_size(array.shape)
    pixels = array.astype(np.uint8) if array.dtype.kind == "b" else array
    finite = np.isfinite(pixels)
    if not finite.all():
        raise ImageError(
            f"The image holds {int((~finite).sum())} NaN or infinite values, expected none. "
            "Replace them, for example by the median of their neighbours."
        )
    lowest, highest = pixels.min(), pixels.max()
    _check_contrast(lowest, highest)
    return _Centred(pixels, float(lowest), float(highest), float(np.median(pixels))), lattice_step(array)


def _quiet_filters(pixels: _Centred, bank: FilterBank) -> FilterBank:
    """Keep the filters through which a typical signal leaves little compared with the noise of this image.

    More filters mean more data, and more signal: with strong noise all of them serve, without noise the best one.
    """
    first = pixels.part(next(_windows(pixels.values.shape)))
    noise = float(np.median(_block_means(_residual_power(first, bank.filters[:1]))))
    n = int(np.count_nonzero(bank.leakage * pixels.variance() <= _LEAKAGE_TO_NOISE * noise))
    return FilterBank(bank.filters[: max(n, 1)], bank.leakage[: max(n, 1)])


def _block_statistics(pixels: _Centred, filters: Array) -> Blocks:
    mean, power, clipped = (np.concatenate(parts) for parts in zip(*_filtered(pixels, filters), strict=True))
    usable = clipped <= _MOST_CLIPPED
    # Where nearly everything sits at an extreme value (few photons, binary images), that value is data.
    if usable.sum() < max(16, 0.02 * usable.size):
        usable[:] = True
    weight = (filters**2).mean(axis=0)
    spread = np.abs(np.fft.fft2(weight, s=(32, 32)) * np.fft.fft2(np.full((_BLOCK, _BLOCK), _BLOCK**-2), s=(32, 32)))
    return Blocks(mean[usable], power[usable], degrees_of_freedom(filters, _BLOCK), 1 / float((spread**2).mean()))


def _filtered(pixels: _Centred, filters: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield, for each window of the image, its blocks' mean intensity, squared residual and share of clipped pixels."""
    weight = (filters**2).mean(axis=0)
    low, high = ((float(end) - pixels.centre) / pixels.unit for end in (pixels.low, pixels.high))
    margin = FILTER_SIZE // 2
    for window in _windows(pixels.values.shape):
        part = pixels.part(window)
        power = _residual_power(part, filters)
        mean = oaconvolve(part, weight, "valid")
        extreme = ((part == low) | (part == high)).astype(np.float64)
        clipped = uniform_filter(extreme, FILTER_SIZE)[margin:-margin, margin:-margin]
        yield _block_means(mean), _block_means(power), _block_means(clipped)


def _residual_power(part: Array, filters: Array) -> Array:
    """Mean over the filters of the squared residuals of a window, tile by tile: what is transformed stays at hand."""
    grow = FILTER_SIZE - 1
    power = np.empty([side - grow for side in part.shape])
    height, width = shape = [min(_TILE, scipy.fft.next_fast_len(side, real=True)) for side in part.shape]
    spectra = scipy.fft.rfft2(filters, s=shape)
    for top in range(0, power.shape[0], height - grow):
        for left in range(0, power.shape[1], width - grow):
            tile = scipy.fft.rfft2(part[top : top + height, left : left + width], s=shape)
            # Beyond the first rows and columns the circular convolution is the linear one.
            residuals = scipy.fft.irfft2(tile * spectra, s=shape)[:, grow:, grow:]
            place = power[top : top + height - grow, left : left + width - grow]
            place[...] = np.square(residuals[:, : place.shape[0], : place.shape[1]]).mean(axis=0)
    return power


def _windows(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Yield the whole image, or an even sample of windows of a large one: they hold blocks enough."""
    spans = [
        [slice(0, side)]
        if side <= _LARGEST_SIDE
        else [slice(int(start), int(start) + _WINDOW) for start in np.linspace(0, side - _WINDOW, _WINDOWS)]
        for side in shape
    ]
    return ((rows, columns) for rows in spans[0] for columns in spans[1])


def _block_means(values: Array) -> Array:
    """Average over blocks in the middle of the window, so that the noise of a turned image is that of the image."""
    rows, columns = (side // _BLOCK for side in values.shape)
    starts = [[(side % _BLOCK) // 2, (side % _BLOCK + 1) // 2] for side in values.shape]
    # What is left over is odd: the grids on both sides of the middle count alike.
    grids = [
        values[top : top + rows * _BLOCK, left : left + columns * _BLOCK]
        .reshape(rows, _BLOCK, columns, _BLOCK)
        .mean(axis=(1, 3))
        for top in sorted(set(starts[0]))
        for left in sorted(set(starts[1]))
    ]
    return np.asarray(np.mean(grids, axis=0).ravel())
