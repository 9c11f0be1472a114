"""What was written or drawn into an image, once a part of it has been found: scale bars, letters, arrows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_propagation

from napari_deepblur.bands import blocks
from napari_deepblur.plane import Mask, Plane, RegionPlane, mask_of

_SMOOTHED = 2
"""Pixels around what was drawn into an image that its smoothed edge may have changed."""

_APART = 6
"""Half the distance of letters and words, in pixels."""

_SCENE, _BRIGHTER = 0.99, 5.0
"""Quantile of the scene, and standard deviations above it, beyond which a pixel near writing is a part of it."""

_REACH = 64
"""Pixels around a block of a large image in which writing is followed from what is drawn."""

_SAMPLE = 2**21


def writing(pixels: Plane, drawn: Mask, least: float, deviation: float) -> Mask:
    """Return what was drawn, its smoothed edges, and thin strokes near it that are brighter than the scene.

    Parameters
    ----------
    pixels
        One image, shape (H, W).
    drawn
        Regions that were drawn for certain.
    least
        Their least value.
    deviation
        Standard deviation of the noise.
    """
    if not isinstance(pixels, RegionPlane):
        drawn_here = np.asarray(drawn[:, :])
        written = _around(drawn_here)
        scene = pixels[~written & (pixels < least)]
        return _followed(pixels, drawn_here, _limit(scene, deviation))
    every = max(pixels.size // _SAMPLE, 1)
    parts = []
    for place, _, _ in blocks(pixels.shape):
        values = pixels[place].ravel()[::every]
        parts.append(values[~drawn[place].ravel()[::every] & (values < least)])
    limit = _limit(np.concatenate(parts), deviation)
    found = mask_of(pixels)
    for place, around, inner in blocks(pixels.shape, _REACH):
        here = drawn[around]
        if here.any():
            found[place] = _followed(pixels[around], here, limit)[inner]
    return found


def _around(drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(binary_dilation(drawn, np.ones((3, 3)), _SMOOTHED))


def _limit(scene: NDArray[Any], deviation: float) -> float | None:
    return float(np.quantile(scene, _SCENE)) + _BRIGHTER * deviation if scene.size else None


def _followed(pixels: NDArray[Any], drawn: NDArray[np.bool_], limit: float | None) -> NDArray[np.bool_]:
    written = _around(drawn)
    if limit is None:
        return written
    around = np.ones((3, 3))
    strokes = pixels > limit
    near = binary_propagation(written, around, mask=written | binary_dilation(strokes, around, _APART))
    return np.asarray(written | binary_dilation(strokes & near, around, _SMOOTHED))
