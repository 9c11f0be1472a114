"""Restoration of an image of any size, tile by tile, in the memory that there is."""

from __future__ import annotations

import math
import os
from collections.abc import Generator
from functools import cache, partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.devices import MEMORY_VARIABLE as MEMORY_VARIABLE
from napari_deepblur.devices import free_memory, is_out_of_memory
from napari_deepblur.errors import DeviceError, SettingsError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.plane import Mask, Plane, RegionPlane
from napari_deepblur.progress import Progress
from napari_deepblur.restoration.blur import Blur
from napari_deepblur.restoration.restorers import Restorer, Step
from napari_deepblur.restoration.tiling import (
    SMALLEST_TILE,
    Blending,
    Done,
    Part,
    Tile,
    automatic_side,
    gathered,
    margin,
    plan_tiles,
)
from napari_deepblur.solvers.levels import Levels, levels_of, levels_of_plane

_TYPICAL = 512
"""Side of the part of an image that stands for its blur, in pixels."""

_CPU_BUDGET_BYTES = 8 * 2**30 // 10
"""Tiles of half a gigabyte more would save 2 % of the pixels: from about a megapixel on, margins are few."""
_GPU_SHARE = 0.5
_CPU_PRODUCTS = 1.5e11
"""Multiplications of one iteration on a processor: a second or two, after which a job can be cancelled."""


class Restored(NamedTuple):
    """A restored image and what it took.

    Attributes
    ----------
    image
        Restored image, of the shape and in the units of the one that was given, float32.
    device
        Where it was computed in the end.
    side
        Longest side of the tiles in pixels; None where there was one.
    notes
        What had to be done otherwise than planned, in words.
    background
        Light in the image that is from other planes than the one in focus, where it was set apart, of the same shape.
    """

    image: NDArray[np.float32]
    device: torch.device
    side: int | None
    notes: tuple[str, ...]
    background: NDArray[np.float32] | None = None


def choose_side(
    tile: Literal["auto"] | int | None,
    shape: tuple[int, int],
    psf_size: int,
    restorer: Restorer,
    device: torch.device,
) -> int | None:
    """Longest side of the tiles in pixels, None for the whole image at once; `tile` as in `deblur`.

    Automatic tiles fit into half of the free memory of a GPU. On a processor they fit into 0.8 GiB, and an
    iteration of each takes no more than a second or two. The environment variable NAPARI_DEEPBLUR_TILE_MEMORY gives
    another size of this memory, in GiB.

    Raises
    ------
    SettingsError
        If that variable is not a positive number.
    """
    if tile != "auto":
        return tile
    budget = wanted_bytes()
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        pixels = (_GPU_SHARE * free if budget is None else min(budget, free)) / restorer.bytes_per_pixel
    else:
        bytes_ = _CPU_BUDGET_BYTES if budget is None else budget
        pixels = min(bytes_ / restorer.bytes_per_pixel, _CPU_PRODUCTS / restorer.products_per_pixel)
    return automatic_side(shape, int(pixels), margin(psf_size))


def wanted_bytes() -> float | None:
    """Memory for tiles that the environment names; None where it does not."""
    text = os.environ.get(MEMORY_VARIABLE, "")
    if not text:
        return None
    try:
        gib = float(text)
    except ValueError:
        gib = math.nan
    if not (math.isfinite(gib) and gib > 0):
        raise SettingsError(
            f"The environment variable {MEMORY_VARIABLE} is {text!r}, expected a positive number: the memory in GiB "
            "that tiles may fill. Correct it, or remove it for the automatic choice."
        )
    return gib * 2**30


class Course(NamedTuple):
    """How a restoration went.

    Attributes
    ----------
    device, side, notes, background
        As of `Restored`.
    """

    device: torch.device
    side: int | None
    notes: tuple[str, ...]
    background: NDArray[np.float32] | None = None


def restore_steps(
    image: NDArray[np.float32],
    blur: Blur,
    noise: PoissonGaussianNoise,
    restorer: Restorer,
    device: torch.device,
    side: int | None,
    hidden: Mask | None = None,
    done: Done | None = None,
) -> Generator[Progress | Part, None, Restored]:
    """Restore an image as `restored_parts_steps`, and put its parts together.

    Returns
    -------
    Restored
        As the value of the generator.
    """
    result = np.zeros(image.shape, np.float32)
    parts = restored_parts_steps(image, blur, noise, restorer, device, side, hidden, done)
    course = yield from gathered(parts, result)
    return Restored(result, *course)


def restored_parts_steps(
    image: Plane,
    blur: Blur,
    noise: PoissonGaussianNoise,
    restorer: Restorer,
    device: torch.device,
    side: int | None,
    hidden: Mask | None = None,
    done: Done | None = None,
) -> Generator[Progress | Part, None, Course]:
    """Restore an image, yielding progress after each iteration of each tile, and each part that is complete.

    A tile is read with its margin, and handed out without what later tiles add to: nothing of the size of the image is
    held. Where memory runs out the tiles are halved; where they are small already, the processor takes over from the
    GPU. Then all parts come again.

    Parameters
    ----------
    image
        Observed image, dark places near 0 and bright ones near 1, shape (H, W): an array, or read by regions.
    blur
        What to remove.
    noise
        Noise of the image, with offset 0.
    restorer
        The method.
    device
        Where to begin.
    side
        Longest side of the tiles, as from `choose_side`.
    hidden
        Pixels that do not count, shape (H, W); they hold something plausible.
    done
        Pixels that stay as they are; tiles of which all are there are not restored again.

    Returns
    -------
    Course
        As the value of the generator.

    Raises
    ------
    DeviceError
        If the processor has not enough memory for the smallest tiles either.
    """
    shape, size = (image.shape[0], image.shape[1]), blur.psf_size
    notes: list[str] = []
    while True:
        tiles = plan_tiles(shape, side, margin(size))
        try:
            background = yield from _tile_by_tile(image, blur, noise, restorer, device, tiles, hidden, done)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return Course(device, side, tuple(notes), background)
        # Only here, outside the block above, has the error let go of the tensors of its frames.
        free_memory(device)
        half = (max(shape) if side is None else side) // 2
        if half >= SMALLEST_TILE:
            side = half
            notes.append(f"Memory of {device} ran out: tiles of {side} pixels were tried next.")
        elif device.type != "cpu":
            notes.append(f"Memory of {device} ran out with the smallest tiles: the processor took over.")
            device = torch.device("cpu")
            side = choose_side("auto", shape, size, restorer, device)
        else:
            raise DeviceError(
                f"Out of memory, even with tiles of {side} pixels. Close other programs, or choose the light networks."
            )


def _tile_by_tile(
    image: Plane,
    blur: Blur,
    noise: PoissonGaussianNoise,
    restorer: Restorer,
    device: torch.device,
    tiles: list[Tile],
    hidden: Mask | None,
    done: Done | None,
) -> Generator[Progress | Part, None, NDArray[np.float32] | None]:
    others: NDArray[np.float32] | None = None
    border, total = blur.psf_size // 2, len(tiles) * restorer.iterations
    levels, blending = _levels(image, blur, device), Blending(image.shape[1])
    for index, tile in enumerate(tiles):
        there = None if done is None else done.there[tile.target]
        if done is not None and there is not None and there.all():
            yield Progress("deblur", (index + 1) * restorer.iterations, total)
            blending.add(tile, done.image[tile.target])
            yield Part(tile.own, done.image[tile.own])
            continue
        part = np.ascontiguousarray(image[tile.source])
        rows, columns = tile.source
        operator = blur.operator((part.shape[0], part.shape[1]), (rows.start, columns.start), device)
        observed = torch.from_numpy(part).to(device)[None, None]
        weights: torch.Tensor | None = None
        if hidden is not None and (closed := hidden[tile.source]).any():
            weights = torch.from_numpy(~closed).to(observed)[None, None]
        steps = restorer.steps(observed, operator, (noise.alpha, noise.beta), blur.spread, weights, levels)
        last: Step | None = None
        for last in steps:
            yield Progress("deblur", index * restorer.iterations + last.iteration, total)
        assert last is not None
        scene, background = last.scene, last.background
        if background is not None:
            others = np.zeros(image.shape, np.float32) if others is None else others
            others[tile.target] += tile.weights * background[0, 0].cpu().numpy()[tile.inner]
        restored = scene[0, 0, border : border + part.shape[0], border : border + part.shape[1]].cpu().numpy()
        own = blending.add(tile, restored[tile.inner])
        if done is not None:
            kept = done.there[tile.own]
            own = np.where(kept, done.image[tile.own], own) if kept.any() else own
        # What the next tile takes its memory from.
        del operator, observed, weights, steps, last, scene, background, restored
        yield Part(tile.own, own)
    return others


def _levels(image: Plane, blur: Blur, device: torch.device) -> Levels:
    """Measure the whole image; the blur is that of its middle, which is the same however it is cut into tiles."""
    height, width = (min(length, _TYPICAL) for length in image.shape)
    origin = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    typical = cache(partial(blur.operator, (height, width), origin, device))
    if isinstance(image, RegionPlane):
        return levels_of_plane(image, typical).to(device)
    return levels_of(torch.from_numpy(image)[None, None], (-2, -1), typical).to(device)


def units_of_work(shape: tuple[int, int], side: int | None, psf_size: int, restorer: Restorer) -> int:
    """Count the parts in which to report progress: up to ten for each tile."""
    return len(plan_tiles(shape, side, margin(psf_size))) * min(restorer.iterations, 10)
