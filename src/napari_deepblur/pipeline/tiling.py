"""Large images in overlapping tiles, blended so that no seam shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import SettingsError

SMALLEST_TILE = 128
_OVERLAP = 32
"""Pixels over which neighbouring tiles fade into each other."""
_HALO = 32
"""Pixels around a tile that are restored with it and thrown away, where its own border could be felt."""


@dataclass(frozen=True)
class Tile:
    """One tile of an image.

    Attributes
    ----------
    source
        Rows and columns to restore, halo included.
    inner
        The part of the restored tile that is used, in coordinates of the tile.
    target
        Where that part goes, in coordinates of the image.
    weights
        Blending weights of that part; over all tiles they sum to one at each pixel.
    """

    source: tuple[slice, slice]
    inner: tuple[slice, slice]
    target: tuple[slice, slice]
    weights: NDArray[np.float32]


def plan_tiles(shape: tuple[int, int], side: int | None) -> list[Tile]:
    """Cover an image with overlapping tiles.

    Parameters
    ----------
    shape
        Shape (H, W) of the image.
    side
        Side of the tiles in pixels, halo not included; None for the whole image at once.

    Returns
    -------
    list of Tile
        In reading order.

    Raises
    ------
    SettingsError
        If the tiles are smaller than `SMALLEST_TILE`.
    """
    if side is not None and side < SMALLEST_TILE:
        raise SettingsError(f"tile is {side} pixels, expected at least {SMALLEST_TILE}, None or 'auto'.")
    rows, columns = (_spans(length, side) for length in shape)
    tiles = []
    for top, bottom, fade_y in rows:
        for left, right, fade_x in columns:
            outer = [
                (max(a - _HALO, 0), min(b + _HALO, n))
                for a, b, n in zip((top, left), (bottom, right), shape, strict=True)
            ]
            (y0, y1), (x0, x1) = outer
            tiles.append(
                Tile(
                    source=(slice(y0, y1), slice(x0, x1)),
                    inner=(slice(top - y0, bottom - y0), slice(left - x0, right - x0)),
                    target=(slice(top, bottom), slice(left, right)),
                    weights=fade_y[:, None] * fade_x[None, :],
                )
            )
    return tiles


def automatic_tile(shape: tuple[int, int], bytes_per_pixel: int, budget_bytes: int) -> int | None:
    """Side of the tiles that fit into a memory budget; None where the whole image fits."""
    if shape[0] * shape[1] * bytes_per_pixel <= budget_bytes:
        return None
    side = int((budget_bytes / bytes_per_pixel) ** 0.5) - 2 * _HALO
    return max(SMALLEST_TILE, side // 32 * 32)


def _spans(length: int, side: int | None) -> list[tuple[int, int, NDArray[np.float32]]]:
    """Intervals of nearly equal length along one axis, with their weights."""
    if side is None or length <= side:
        return [(0, length, np.ones(length, dtype=np.float32))]
    count = int(np.ceil((length - _OVERLAP) / (side - _OVERLAP)))
    starts = np.linspace(0, length - side, count).round().astype(int).tolist()
    spans = []
    for index, start in enumerate(starts):
        weights = np.ones(side, dtype=np.float32)
        if index > 0:
            shared = starts[index - 1] + side - start
            weights[:shared] = _ramp(shared)
        if index + 1 < count:
            shared = start + side - starts[index + 1]
            weights[side - shared :] *= 1 - _ramp(shared)
        spans.append((start, start + side, weights))
    return spans


def _ramp(length: int) -> NDArray[np.float32]:
    return ((np.arange(length) + 0.5) / length).astype(np.float32)
