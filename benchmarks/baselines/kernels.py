"""What both methods do to a kernel and to an image: check, cut small values, centre, and give the sum one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from napari_deepblur.errors import ImageError, SettingsError

Array = NDArray[np.floating]


def checked_image(image: NDArray[np.floating], size: int) -> Array:
    """Check what a blind method is given, and scale the image to [0, 1].

    Parameters
    ----------
    image
        Blurred image, shape (H, W), any unit.
    size
        Side k of the kernel in pixels.

    Returns
    -------
    ndarray
        (image - min) / (max - min), shape (H, W).

    Raises
    ------
    SettingsError
        If the size is even or less than 3.
    ImageError
        If the image has not two axes, is not finite, is constant, or is less than twice as large as the kernel.
    """
    if size < 3 or size % 2 == 0:
        raise SettingsError(f"The kernel's size is {size}, expected an odd number of pixels, at least 3.")
    pixels = np.asarray(image, dtype=np.float64)
    if pixels.ndim != 2 or min(pixels.shape) < 2 * size:
        raise ImageError(
            f"The image has shape {pixels.shape}, expected two axes of at least {2 * size} pixels: a kernel of "
            f"{size} x {size} pixels cannot be told from a smaller scene. Give a larger image or a smaller kernel."
        )
    if not np.isfinite(pixels).all():
        raise ImageError("The image has values that are not finite. Replace NaN and infinity before the estimate.")
    low, high = float(pixels.min()), float(pixels.max())
    if high <= low:
        raise ImageError(f"The image is constant ({low:g}): it holds nothing that a blur could be seen in.")
    return (pixels - low) / (high - low)


def scaled_noise(noise_std: float, image: NDArray[np.floating]) -> float:
    """Return the standard deviation of the noise after `checked_image`.

    Raises
    ------
    SettingsError
        If it is negative or not finite.
    """
    if not 0 <= noise_std < np.inf:
        raise SettingsError(f"The standard deviation of the noise is {noise_std:g}, expected zero or more.")
    return noise_std / float(np.ptp(np.asarray(image, dtype=np.float64)))


def pruned(kernel: Array, cut: float, smallest_part: float = 0.0) -> Array:
    """Set negative and small values to zero, drop small islands, and give the sum one.

    Parameters
    ----------
    kernel
        Shape (k, k).
    cut
        Values below this share of the largest are zero afterwards.
    smallest_part
        Islands (8 neighbours) that hold less than this share of the sum are dropped.

    Returns
    -------
    ndarray
        Shape (k, k), sum 1; a single pixel in the centre where nothing is positive.
    """
    kept = np.where(kernel >= cut * kernel.max(), kernel, 0.0).clip(min=0.0)
    if smallest_part > 0:
        islands, count = label(kept > 0, structure=np.ones((3, 3)))
        mass = np.bincount(islands.ravel(), weights=kept.ravel(), minlength=count + 1)
        heavy = mass >= min(smallest_part * kept.sum(), mass[1:].max(initial=0.0))
        heavy[0] = False
        kept = np.where(heavy[islands], kept, 0.0)
    total = kept.sum()
    if not total > 0:
        return point(kernel.shape[-1])
    return np.asarray(kept / total)


def centred(kernel: Array) -> Array:
    """Shift by whole pixels until the centre of mass is nearest to the centre pixel, and give the sum one.

    Parameters
    ----------
    kernel
        Shape (k, k), not negative; what leaves the square is lost.

    Returns
    -------
    ndarray
        Shape (k, k).
    """
    size = kernel.shape[-1]
    axis = np.arange(size) - size // 2
    total = kernel.sum()
    down, right = (int(np.rint(sums @ axis / total)) for sums in (kernel.sum(1), kernel.sum(0)))
    padded = np.pad(kernel, size)
    moved = padded[size + down : 2 * size + down, size + right : 2 * size + right]
    return np.asarray(moved / moved.sum())


def point(size: int) -> Array:
    """Return the kernel of no blur, shape (k, k)."""
    kernel = np.zeros((size, size))
    kernel[size // 2, size // 2] = 1.0
    return kernel
