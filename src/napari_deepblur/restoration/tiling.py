"""Large images in overlapping tiles, blended so that no seam shows."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import SettingsError
from napari_deepblur.plane import Mask, Plane
from napari_deepblur.progress import Progress, changed

SMALLEST_TILE = 128
"""Shortest side of tiles that may be asked for: smaller ones would be little but margin."""

_OVERLAP = 32
"""Pixels over which neighbouring tiles fade into each other."""

_MARGIN_OF_NETWORK = 16
"""Pixels beyond the PSF's half-width that a network looks at with any weight."""

_GRID = 8
"""Tiles start at multiples of this many pixels: the coarsest level of a DRUNet has that grid, and answers a little
differently on a shifted one."""


@dataclass(frozen=True)
class Tile:
    """One tile of an image.

    Attributes
    ----------
    source
        Rows and columns to restore, margin included.
    inner
        The part of the restored tile that is used, in coordinates of the tile.
    target
        Where that part goes, in coordinates of the image.
    fades
        Blending weights of its rows and of its columns.
    own
        What is complete, in coordinates of the image, once this tile and those before it have been blended. Own parts
        are disjoint and cover the image.
    """

    source: tuple[slice, slice]
    inner: tuple[slice, slice]
    target: tuple[slice, slice]
    fades: tuple[NDArray[np.float32], NDArray[np.float32]]
    own: tuple[slice, slice]

    @property
    def weights(self) -> NDArray[np.float32]:
        """Blending weights of the part that is used; over all tiles they sum to one at each pixel."""
        return self.fades[0][:, None] * self.fades[1][None, :]


class Part(NamedTuple):
    """A part of a restored plane that is complete.

    Attributes
    ----------
    region
        Its rows and columns.
    image
        Its pixels.
    """

    region: tuple[slice, slice]
    image: NDArray[np.float32]


Result = TypeVar("Result")


def gathered(
    steps: Generator[Progress | Part, None, Result], image: NDArray[np.float32]
) -> Generator[Progress | Part, None, Result]:
    """Pass steps on, and put the parts among them into an image."""

    def keep(step: Progress | Part) -> Progress | Part:
        if isinstance(step, Part):
            image[step.region] = step.image
        return step

    return changed(steps, keep)


class Done(NamedTuple):
    """What is there already of a restored plane, from a run that was killed.

    Attributes
    ----------
    image
        The plane, shape (H, W): an array, or read by regions.
    there
        Which of its pixels are final, shape (H, W).
    """

    image: Plane
    there: Mask


@final
class Blending:
    """Adds up overlapping tiles, which come in reading order; only what later tiles add to is held.

    Parameters
    ----------
    width
        Columns of the image.
    """

    def __init__(self, width: int) -> None:
        self._below: NDArray[np.float32] = np.zeros((0, width), np.float32)
        self._next: NDArray[np.float32] = self._below
        self._right: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def add(self, tile: Tile, restored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add the used part of a tile; return the pixels of `Tile.own`, which are complete."""
        (rows, columns), (own_rows, own_columns) = tile.target, tile.own
        down, across = own_rows.stop - rows.start, own_columns.stop - columns.start
        if columns.start == 0:
            # The first tile of a row: what the row above has left is what this one begins with.
            self._below = self._next
            self._next = np.zeros((rows.stop - own_rows.stop, self._below.shape[1]), np.float32)
            self._right = np.zeros((rows.stop - rows.start, 0), np.float32)
        total = np.zeros(restored.shape, np.float32)
        total[: len(self._below)] = self._below[:, columns]
        total[:, : self._right.shape[1]] = self._right
        total += tile.weights * restored
        self._right = total[:, across:].copy()
        self._next[:, columns] = total[down:]
        return total[:down, :across].copy()


def margin(psf_size: int) -> int:
    """Pixels around a tile that are restored with it and thrown away, where its own border could be felt."""
    return psf_size // 2 + _MARGIN_OF_NETWORK


def plan_tiles(shape: tuple[int, int], side: int | None, around: int) -> list[Tile]:
    """Cover an image with overlapping tiles of nearly equal size.

    Parameters
    ----------
    shape
        Shape (H, W) of the image.
    side
        Longest side of the tiles in pixels, without the margin; None for the whole image at once.
    around
        Least margin of each tile in pixels, see `margin`.

    Returns
    -------
    list of Tile
        In reading order; as few as cover the image, and no larger than needed.

    Raises
    ------
    SettingsError
        If the tiles are smaller than `SMALLEST_TILE`.
    """
    if side is not None and side < SMALLEST_TILE:
        raise SettingsError(f"tile is {side} pixels, expected at least {SMALLEST_TILE}, None or 'auto'.")
    rows, columns = (_spans(length, side) for length in shape)
    tiles = []
    for top, bottom, next_top, fade_y in rows:
        for left, right, next_left, fade_x in columns:
            y0, y1 = max(top - around, 0) // _GRID * _GRID, min(bottom + around, shape[0])
            x0, x1 = max(left - around, 0) // _GRID * _GRID, min(right + around, shape[1])
            tiles.append(
                Tile(
                    source=(slice(y0, y1), slice(x0, x1)),
                    inner=(slice(top - y0, bottom - y0), slice(left - x0, right - x0)),
                    target=(slice(top, bottom), slice(left, right)),
                    fades=(fade_y, fade_x),
                    own=(slice(top, next_top), slice(left, next_left)),
                )
            )
    return tiles


def automatic_side(shape: tuple[int, int], pixels: int, around: int) -> int | None:
    """Longest side of tiles that hold, with their margin, at most so many pixels; None where the whole image does."""
    if shape[0] * shape[1] <= pixels:
        return None
    return max(SMALLEST_TILE, math.isqrt(pixels) - 2 * around)


def _spans(length: int, side: int | None) -> list[tuple[int, int, int, NDArray[np.float32]]]:
    """Intervals of equal length along one axis: start, end, start of the next or end of all, and weights."""
    if side is None or length <= side:
        return [(0, length, length, np.ones(length, dtype=np.float32))]
    count = math.ceil((length - _OVERLAP) / (side - _OVERLAP))
    span = math.ceil((length + (count - 1) * _OVERLAP) / count)
    starts = np.linspace(0, length - span, count).round().astype(int).tolist()
    spans = []
    for index, start in enumerate(starts):
        weights = np.ones(span, dtype=np.float32)
        if index > 0:
            shared = starts[index - 1] + span - start
            weights[:shared] = _fade_in(shared)
        if index + 1 < count:
            shared = start + span - starts[index + 1]
            weights[span - shared :] = 1 - _fade_in(shared)
        following = starts[index + 1] if index + 1 < count else length
        spans.append((start, start + span, following, weights))
    return spans


def _fade_in(length: int) -> NDArray[np.float32]:
    """Rise from 0 to 1 with level ends, so that not even the slope of an image shows a seam."""
    phase = (np.arange(length) + 0.5) / length
    return np.asarray(np.sin(np.pi / 2 * phase) ** 2, dtype=np.float32)
