"""Read image files as 8-bit gray and cut random crops out of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

Bank = npt.NDArray[np.uint8]

_TIFF = frozenset({".tif", ".tiff"})
#: File name endings that are read, in lower case.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg"}) | _TIFF
# A crop whose central 99 % spans fewer gray levels than this shows its quantisation once it is stretched.
MIN_RANGE = 16
_ATTEMPTS = 4
# What decoders raise on foreign or damaged files; anything else is a fault of ours and must be seen.
UNREADABLE = (
    OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


def read_gray(path: Path) -> Bank:
    """Read one image file as 8-bit gray.

    Of a stack the middle plane is taken, and of deeper types the range from the minimum to the 99.9th percentile.

    Parameters
    ----------
    path : Path
        A PNG, JPEG or TIFF file.

    Returns
    -------
    ndarray of uint8, shape (H, W)
        The image.

    Raises
    ------
    Exception
        One of `UNREADABLE`, if the file is damaged or no gray or colour image.
    """
    if path.suffix.lower() in _TIFF:
        array: npt.NDArray[Any] = np.asarray(tifffile.imread(path))
    else:
        with Image.open(path) as file:
            array = np.asarray(file if file.mode[0] in "LIF" and file.mode != "LA" else file.convert("RGB"))
    array = np.squeeze(array)
    if array.ndim > 2 and array.shape[-1] in (3, 4):
        gray = array[..., :3] @ np.array([0.299, 0.587, 0.114])
        array = (np.rint(gray) if array.dtype.kind in "iub" else gray).astype(array.dtype)
    while array.ndim > 2:
        array = array[array.shape[0] // 2]
    if array.ndim != 2 or min(array.shape) < 2:
        raise ValueError(f"an image of shape {array.shape}, expected at least 2 x 2 pixels")
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("pixels that are not finite")
    low, high = values.min(), np.percentile(values, 99.9)
    scaled = (values - low) * (255.0 / max(high - low, np.finfo(np.float64).tiny))
    levels: Bank = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return levels


def random_crops(image: Bank, size: int, count: int, rng: np.random.Generator) -> list[Bank]:
    """Cut crops at random positions, and at half scale for half of them if the image is large enough.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W)
        The image; mirrored where it is smaller than a crop.
    size : int
        Side of the crops, pixels.
    count : int
        Number of crops wanted.
    rng : numpy.random.Generator
        Source of positions and scales.

    Returns
    -------
    list of ndarray of uint8, shape (size, size)
        `count` crops, or fewer where a few attempts found nothing but one gray level.
    """
    half: Bank | None = None
    if min(image.shape) >= 2 * size:
        height, width = image.shape
        half = np.asarray(Image.fromarray(image).resize((width // 2, height // 2), Image.Resampling.LANCZOS))
    full = _mirrored(image, size)
    crops: list[Bank] = []
    for _ in range(count):
        source = half if half is not None and rng.random() < 0.5 else full
        for _ in range(_ATTEMPTS):
            top, left = (int(rng.integers(0, length - size + 1)) for length in source.shape)
            crop = source[top : top + size, left : left + size]
            low, high = np.percentile(crop, (0.5, 99.5))
            if high - low >= MIN_RANGE:
                crops.append(crop)
                break
    return crops


def _mirrored(image: Bank, size: int) -> Bank:
    """Mirror an image along the axes where it is smaller than the crop, so far that the seam can lie anywhere."""
    pads = [(0, 0) if length >= size else (size - 1, size - 1) for length in image.shape]
    return np.pad(image, pads, mode="reflect") if any(pad != (0, 0) for pad in pads) else image
