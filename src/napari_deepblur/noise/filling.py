"""Something plausible in the place of pixels that do not count, so that transforms and networks see no holes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, uniform_filter

from napari_deepblur.bands import bands
from napari_deepblur.noise.filters import signal_covariance

Array = NDArray[np.float64]
Pixels = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_HALF = 3
"""Pixels on each side from which a hole is predicted."""

_FEWEST = 12
"""Visible pixels among these, below which the hole is too large to be predicted."""

_AT_A_TIME = 2000
_HIDDEN = 1e6
"""Variance of a pixel that is hidden itself, in units of that of the scene."""


def fill(pixels: Pixels, hidden: Mask, odd: Mask, cutoff: float | None, noise_share: float) -> Pixels:
    """Fill in the hidden pixels of an image.

    Small holes get the best linear prediction from the visible pixels of 7 x 7, for scenes of the spectrum |f|^-2.4
    through the optics: what a band-limited image must nearly be there. Large ones continue the image by reflection at
    their edge, which has its texture and noise: y(q + (q - p)) at p, with q the nearest visible pixel; where the true
    intensity is known to be higher than at the edge, 2 y(q) - y(q + (q - p)). Plateaus are never filled in below their
    value.

    Parameters
    ----------
    pixels
        Image of shape (H, W); hidden values are not looked at but for plateaus.
    hidden
        Where to fill, shape (H, W).
    odd
        Hidden pixels that are brighter than what surrounds them: plateaus of saturation.
    cutoff
        fc in cycles per pixel; None where it is unknown.
    noise_share
        Variance of the noise over that of the scene.

    Returns
    -------
    ndarray
        The filled image, of the type of the pixels; a copy.
    """
    result = np.array(pixels)
    if hidden.all() or not hidden.any():
        return result
    alone: list[NDArray[np.intp]] = []
    deep: list[NDArray[np.intp]] = []
    for rows, around, inner in bands(pixels.shape, _HALF):
        closed = hidden[around]
        visible = uniform_filter((~closed).astype(np.float64), 2 * _HALF + 1, mode="mirror") * (2 * _HALF + 1) ** 2
        few = visible <= _FEWEST - 0.5
        for places, chosen in ((alone, closed & ~few), (deep, closed & few)):
            places.append(np.argwhere(chosen[inner]) + np.array([rows.start, 0]))
    small, large = np.concatenate(alone), np.concatenate(deep)
    for first in range(0, len(small), _AT_A_TIME):
        part = small[first : first + _AT_A_TIME]
        result[tuple(part.T)] = _predicted(pixels, hidden, part, cutoff, noise_share)
    if len(large):
        _reflect(result, pixels, hidden, large, odd)
    result[odd] = np.maximum(result[odd], pixels[odd])
    return result


def _predicted(
    pixels: Pixels, hidden: Mask, places: NDArray[np.intp], cutoff: float | None, noise_share: float
) -> Array:
    """Predictions (n,) at places (n, 2); beyond the border the image is mirrored."""
    side = 2 * _HALF + 1
    around = np.arange(side) - _HALF
    rows = _mirrored(places[:, 0, None, None] + around[:, None], hidden.shape[0])
    columns = _mirrored(places[:, 1, None, None] + around, hidden.shape[1])
    count = side * side
    values, out = pixels[rows, columns].astype(np.float64).reshape(-1, count), hidden[rows, columns].reshape(-1, count)
    seen = ~out
    total = seen.sum(axis=1)
    middle = np.where(seen, values, 0.0).sum(axis=1) / np.maximum(total, 1)
    covariance, towards = _covariances(cutoff)
    matrix = covariance + np.eye(count) * (noise_share + _HIDDEN * out)[:, None, :]
    weights = np.linalg.solve(matrix, np.broadcast_to(towards, (len(places), count))[..., None])[..., 0]
    deviations = np.where(seen, values - middle[:, None], 0.0)
    return np.asarray(middle + (weights * deviations).sum(axis=1))


def _mirrored(places: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Places on an axis that is mirrored at its ends, the last pixel being there once."""
    period = max(2 * (length - 1), 1)
    within = np.abs(places) % period
    return np.asarray(np.minimum(within, period - within) if length > 1 else np.zeros_like(places))


@lru_cache(maxsize=16)
def _covariances(cutoff: float | None) -> tuple[Array, Array]:
    """Covariance of 7 x 7 pixels, and of these with the middle one, in units of the variance of the scene."""
    side = 2 * _HALF + 1
    full = signal_covariance(cutoff, side)
    return full, full[side * side // 2]


def _reflect(result: Pixels, pixels: Pixels, hidden: Mask, places: NDArray[np.intp], odd: Mask) -> None:
    nearest = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    edge = nearest[:, places[:, 0], places[:, 1]].T
    mirrored = np.clip(2 * edge - places, 0, np.array(hidden.shape) - 1)
    # Behind the edge there may be the next hole: the edge itself then has to do.
    usable = ~hidden[tuple(mirrored.T)]
    mirrored[~usable] = edge[~usable]
    values, at_edge = pixels[tuple(mirrored.T)], pixels[tuple(edge.T)]
    brighter = odd[tuple(places.T)]
    result[tuple(places.T)] = np.where(brighter, np.maximum(2 * at_edge - values, at_edge), values)
