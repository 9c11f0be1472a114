"""Noise level from one blurred image: what is left where the microscope cannot put any signal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter
from scipy.optimize import nnls
from scipy.signal import oaconvolve
from scipy.stats import gamma

from napari_deepblur.bands import bands
from napari_deepblur.errors import ImageError, NoiseError
from napari_deepblur.noise.census import moments, percentiles, step_of
from napari_deepblur.noise.filters import FILTER_SIZE, FilterBank, degrees_of_freedom, signal_free_filters
from napari_deepblur.noise.lattice import lattice_step
from napari_deepblur.noise.model import PoissonGaussianNoise
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
_KEPT = 0.99

_DOUBTS = 1.0
"""Standard deviations by which the variance at intensity 0 must be negative for the dark level to lie elsewhere. The
line that is forced through 0 is the flatter one, the more so the more that takes."""


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
    alpha, variance, offset = _variance_line(blocks, zero=-centre / unit, rounding=(step / unit) ** 2 / 12)
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


class _Blocks(NamedTuple):
    """Mean intensity and mean squared residual of n blocks, shape (n,) each, and how precise they are."""

    mean: Array
    power: Array
    freedom: float  # degrees of freedom of a power, of its chi-squared distribution
    pixels: float  # independent pixels that a mean is worth


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
    quietest = next(_filtered(pixels, bank.filters[:1]))[1]
    noise = float(np.median(quietest))
    n = int(np.count_nonzero(bank.leakage * pixels.variance() <= _LEAKAGE_TO_NOISE * noise))
    return FilterBank(bank.filters[: max(n, 1)], bank.leakage[: max(n, 1)])


def _block_statistics(pixels: _Centred, filters: Array) -> _Blocks:
    mean, power, clipped = (np.concatenate(parts) for parts in zip(*_filtered(pixels, filters), strict=True))
    usable = clipped <= _MOST_CLIPPED
    # Where nearly everything sits at an extreme value (few photons, binary images), that value is data.
    if usable.sum() < max(16, 0.02 * usable.size):
        usable[:] = True
    weight = (filters**2).mean(axis=0)
    spread = np.abs(np.fft.fft2(weight, s=(32, 32)) * np.fft.fft2(np.full((_BLOCK, _BLOCK), _BLOCK**-2), s=(32, 32)))
    return _Blocks(mean[usable], power[usable], degrees_of_freedom(filters, _BLOCK), 1 / float((spread**2).mean()))


def _filtered(pixels: _Centred, filters: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield, for each window of the image, its blocks' mean intensity, squared residual and share of clipped pixels."""
    weight = (filters**2).mean(axis=0)
    low, high = ((float(end) - pixels.centre) / pixels.unit for end in (pixels.low, pixels.high))
    margin = FILTER_SIZE // 2
    for window in _windows(pixels.values.shape):
        part = pixels.part(window)
        power = sum(oaconvolve(part, k, "valid") ** 2 for k in filters) / len(filters)
        mean = oaconvolve(part, weight, "valid")
        extreme = ((part == low) | (part == high)).astype(np.float64)
        clipped = uniform_filter(extreme, FILTER_SIZE)[margin:-margin, margin:-margin]
        yield _block_means(mean), _block_means(power), _block_means(clipped)


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


class _Line(NamedTuple):
    """A fitted line, power = variance + slope max(mean - origin, 0), and its covariance."""

    variance: float
    slope: float
    covariance: Array  # of (variance, slope), shape (2, 2)


def _variance_line(blocks: _Blocks, zero: float, rounding: float) -> tuple[float, float, float | None]:
    """Return slope, variance at the offset, and offset (none where it is the caller's 0, here at `zero`).

    The line from the darkest block on always exists. It is written with the offset 0 unless the intensities there
    are negative, or its value at 0 is: no noise has a negative variance, so that 0 cannot be the dark level.
    """
    darkest = float(blocks.mean.min())
    line = _fit_line(blocks, darkest, rounding)
    to_zero = np.array([1.0, zero - darkest])
    at_zero = line.variance + line.slope * (zero - darkest)
    doubt = math.sqrt(max(float(to_zero @ line.covariance @ to_zero), 0.0))
    # The mean of a block of few photons is uncertain by more than its own variance tells.
    nearby = line.variance + line.slope * (abs(darkest - zero) + line.slope / blocks.pixels)
    negative = darkest < zero - 5 * math.sqrt(nearby / blocks.pixels)
    if line.slope > 0 and (negative or at_zero < -_DOUBTS * doubt):
        return line.slope, line.variance, darkest
    if not negative:
        line = _fit_line(blocks, zero, rounding)
    return line.slope, line.variance, None


def _fit_line(blocks: _Blocks, origin: float, rounding: float) -> _Line:
    """Fit power = variance + slope max(mean - origin, 0), the slope at least 0, the variance at least that of rounding.

    Iteratively reweighted least squares. A block's power has the variance 2 v^2 / freedom, to which comes that of
    its mean, slope^2 v / pixels, which matters where a pixel holds less than one photon. Blocks far above the line
    hold signal: they are left out, and what the noise loses by that is given back.
    """
    floor = 1e-9 * (float(blocks.power.mean()) + rounding)
    if floor < np.finfo(float).tiny:
        return _Line(rounding, 0.0, np.zeros((2, 2)))
    light = np.maximum(blocks.mean - origin, 0.0)
    shape = blocks.freedom / 2
    threshold = float(gamma.ppf(_KEPT, shape, scale=1 / shape))
    loss = float(gamma.cdf(threshold, shape + 1, scale=1 / shape)) / _KEPT
    line, covariance = _robust_start(light, blocks.power, shape, rounding), np.zeros((2, 2))
    for _ in range(30):
        model = line[0] + line[1] * light
        doubt = shape * line[1] ** 2 * np.maximum(model, line[0] + line[1] ** 2 / blocks.pixels) / blocks.pixels
        scale = np.sqrt(model**2 + doubt) + floor
        kept = blocks.power <= model + (threshold - 1) * scale
        if kept.sum() < 4:
            break
        before = line
        line, covariance = _least_squares(light[kept], blocks.power[kept] / loss, 1 / scale[kept], rounding)
        if np.allclose(line, before, rtol=1e-4, atol=0.0):
            break
    return _Line(float(line[0]), float(line[1]), covariance / shape)


def _robust_start(light: Array, power: Array, shape: float, rounding: float) -> Array:
    """Fit the line to low quantiles of the power in groups of blocks of like intensity: flat places, mostly."""
    level = 0.4
    groups = np.array_split(np.argsort(light), min(16, max(1, light.size // 16)))
    mean = np.array([light[group].mean() for group in groups])
    low = np.array([np.quantile(power[group], level) for group in groups])
    variance = low / float(gamma.ppf(level, shape, scale=1 / shape))
    weight = 1 / np.maximum(variance, 0.05 * variance.mean() + rounding + np.finfo(float).tiny)
    line, _ = _least_squares(mean, variance, weight, rounding)
    return line


def _least_squares(light: Array, variance: Array, weight: Array, least: float) -> tuple[Array, Array]:
    """Return the (c, a) >= (`least`, 0) that minimise sum (weight (c + a light - v))^2, and (D'D)^+."""
    design = np.stack([np.ones_like(light), light], axis=1) * weight[:, None]
    size = np.maximum(np.abs(design).max(axis=0), np.finfo(float).tiny)
    design = design / size
    solution, _ = nnls(design, (variance - least) * weight)
    return np.asarray(solution / size) + np.array([least, 0.0]), np.asarray(
        np.linalg.pinv(design.T @ design) / np.outer(size, size)
    )
