"""Which arrays are images that can be processed, and what is wrong with the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.bands import bands
from napari_deepblur.errors import ImageError
from napari_deepblur.packed_mask import PackedMask
from napari_deepblur.plane import SourcePlane

SMALLEST_SIDE = 16
"""Images with a shorter side hold too little to process."""

_LARGEST_VALUE = 1e30
"""Beyond it the squares of intensities leave the range of float32."""


_LEAST_CONTRAST, _LEAST_RANGE = 4e-6, 1e-30
"""Range of intensities, relative to the largest and absolute, below which float32 has too few digits for it."""

_ALL_MASKED = "All pixels are masked: there is nothing to deblur. Is True in the mask where pixels count?"


def plane_shape(image: ArrayLike) -> tuple[int, int]:
    """Return the rows and columns of an image without looking at its pixels; raises as `check_image` if it is none."""
    shape = np.shape(image)
    if len(shape) != 2 or min(shape) < SMALLEST_SIDE:
        check_image(image)
    return shape[0], shape[1]


def masked_pixels(image: ArrayLike) -> NDArray[np.bool_] | None:
    """Return the mask of a masked array, True where a pixel does not count, of its shape; None where there is none."""
    if not isinstance(image, np.ma.MaskedArray):
        return None
    mask = np.ma.getmaskarray(image)
    return mask if mask.any() else None


def unmasked(array: NDArray[Any]) -> NDArray[Any]:
    """Put the median of what counts under the mask of a masked array; any other array is returned as it is.

    Raises
    ------
    ImageError
        If all of it is masked.
    """
    masked = masked_pixels(array)
    if masked is None:
        return np.asarray(array)
    values = np.array(array)
    if masked.all():
        raise ImageError(_ALL_MASKED)
    # What lies under a mask is often NaN, or the number for no data.
    values[masked] = np.median(values[~masked])
    return values


def check_image(image: ArrayLike, smallest: int = SMALLEST_SIDE) -> NDArray[np.float32]:
    """Turn an image into a contiguous float32 array, or say what is wrong with it.

    Parameters
    ----------
    image
        Any real numeric type and byte order, shape (H, W).
    smallest
        Length that each side must have at least, usually that of the PSF.

    Returns
    -------
    ndarray
        float32 copy or view in native byte order, shape (H, W); under the mask of a masked array the median of the
        others.

    Raises
    ------
    ImageError
        If the image has not two axes, is too small, is not numeric, holds NaN or infinity, or is constant.
    """
    masked = masked_pixels(image)
    array = np.asarray(image)
    _check_form(array.dtype, array.shape, smallest)
    if masked is not None:
        array = unmasked(np.ma.asarray(image))
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    usable = np.abs(values) <= _LARGEST_VALUE
    if not usable.all():
        raise ImageError(_unusable(int(usable.size - usable.sum()), usable.size))
    _check_range(float(values.min()), float(values.max()))
    return values


def check_plane(plane: SourcePlane, smallest: int = SMALLEST_SIDE) -> PackedMask | None:
    """Look at all of a plane that is read by regions, as `check_image` does, and raise what that raises.

    Returns
    -------
    PackedMask or None
        What is masked in its source, under which the plane then has its least value; None where nothing is.
    """
    low, high, bad, masked = np.inf, -np.inf, 0, PackedMask(plane.shape)
    for rows, _, _ in bands(plane.shape):
        strip = rows, slice(0, plane.shape[1])
        part = plane.raw(*strip)
        if not rows.start:
            _check_form(part.dtype, plane.shape, smallest)
        hidden = masked_pixels(part)
        with np.errstate(over="ignore"):
            values = np.asarray(np.ma.getdata(part)).astype(np.float32, copy=False)
        if hidden is not None:
            masked[strip] = hidden
            values = values[~hidden]
        usable = np.abs(values) <= _LARGEST_VALUE
        bad += int(usable.size - usable.sum())
        if values.size and not bad:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if bad:
        raise ImageError(_unusable(bad, plane.size))
    if masked.all():
        raise ImageError(_ALL_MASKED)
    _check_range(low, high)
    plane.under_mask = np.float32(low)
    return masked if masked.any() else None


def _check_form(dtype: np.dtype[Any], shape: tuple[int, ...], smallest: int) -> None:
    if dtype.kind == "b":
        raise ImageError("The image is a mask of two values, in which there is no blur. Give the image it came from.")
    if dtype.kind not in "uif":
        raise ImageError(f"The image has the type {dtype}, expected integers or real numbers.")
    if len(shape) != 2:
        hint = " Convert colours to one channel first." if len(shape) == 3 and shape[-1] in (3, 4) else ""
        raise ImageError(
            f"The image has {len(shape)} axes, shape {shape}; expected one plane of shape (rows, columns).{hint}"
        )
    if min(shape) < max(smallest, SMALLEST_SIDE):
        raise ImageError(
            f"The image has {shape[0]} x {shape[1]} pixels, expected at least "
            f"{max(smallest, SMALLEST_SIDE)} a side: it must not be smaller than the PSF. Crop less, or shrink the PSF."
        )


def _unusable(bad: int, size: int) -> str:
    return (
        f"{bad} of {size} pixels are NaN, infinite or beyond {_LARGEST_VALUE:g}. Replace them, or crop them "
        "away, before deblurring."
    )


def _check_range(low: float, high: float) -> None:
    if not high > low:
        raise ImageError(
            f"All pixels have the same value, {low:g}: there is nothing to deblur. Is the camera's lid on?"
        )
    if high - low < _LEAST_CONTRAST * max(abs(low), abs(high)) or high - low < _LEAST_RANGE:
        raise ImageError(
            f"All pixels lie between {low:.9g} and {high:.9g}: that is one value within the precision of float32. "
            "Subtract the offset before the image is saved, or check that it is the right plane."
        )
