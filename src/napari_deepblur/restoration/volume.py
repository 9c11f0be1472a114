"""Restoration of a volume whose blur and noise are known: tiles in y and x, in the memory that there is."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.errors import DeviceError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import LinearOperator, MaskedOperator, VolumeOperator
from napari_deepblur.progress import Progress, changed
from napari_deepblur.restoration.residual import Residual
from napari_deepblur.restoration.restore import wanted_bytes
from napari_deepblur.restoration.tiling import SMALLEST_TILE, Tile, plan_tiles
from napari_deepblur.restoration.volume_restorers import VolumeProblem, VolumeRestorer

_SHARE = 0.6
"""Of the free memory that a volume may take."""

_GRID = 32
"""Sides of tiles are multiples of this many pixels."""


@dataclass(frozen=True)
class VolumeBlur:
    """The blur of a whole volume.

    Attributes
    ----------
    planes
        PSF, shape (P, k, l), all odd; plane P // 2 + d is what a plane sees of a source d planes before it.
    margin
        Planes, rows and columns of the scene around the stack (`VolumeOperator`).
    spacing
        Distances of voxels along z, y and x, in pixels.
    spread
        Expected relative squared error of the PSF; 0 for a known one.
    """

    planes: Tensor
    margin: tuple[int, int, int]
    spacing: tuple[float, float, float]
    spread: float = 0.0

    @property
    def half(self) -> tuple[int, int, int]:
        """Half the PSF, rounded down, along z, y and x."""
        planes, rows, columns = self.planes.shape
        return planes // 2, rows // 2, columns // 2


class RestoredVolume(NamedTuple):
    """A restored volume and what it took.

    Attributes
    ----------
    volume
        Restored volume in light per voxel: planes of the scene, which blurred again make the stack, shape (D, H, W).
    side
        Longest side of the tiles in pixels; None where there was one.
    iterations
        How many were done.
    left
        What the scene, with its unknown surroundings, leaves of the tile with the most light, shape (D, h, w).
    """

    volume: NDArray[np.float32]
    side: int | None
    iterations: int
    left: Residual


def choose_volume_side(
    shape: tuple[int, int, int], blur: VolumeBlur, restorer: VolumeRestorer, device: torch.device
) -> int | None:
    """Longest side of the tiles in y and x that fit into memory, in pixels; None for the whole volume at once.

    They fit into 60 % of what is free, or into what NAPARI_DEEPBLUR_TILE_MEMORY says, in GiB.

    Raises
    ------
    DeviceError
        If not even the smallest tiles do, with the memory that they need and what is there.
    """
    wanted = wanted_bytes()
    budget = _SHARE * free_bytes(device) if wanted is None else wanted
    depth, rows, columns = shape

    def need(height: int, width: int) -> int:
        return restorer.memory_bytes((depth, height, width), blur.margin, blur.half)

    if need(rows, columns) <= budget:
        return None
    around = blur.margin[1]
    least = need(min(SMALLEST_TILE + 2 * around, rows), min(SMALLEST_TILE + 2 * around, columns))
    if least > budget:
        raise DeviceError(
            f"A volume of {depth} planes of {rows} x {columns} pixels needs {need(rows, columns) / 2**30:.1f} GiB, and "
            f"{least / 2**30:.1f} GiB in the smallest tiles, but there are {budget / 2**30:.1f} GiB to be used. Crop "
            "the volume, take fewer planes, go plane by plane, or close other programs."
        )
    side = SMALLEST_TILE
    while need(side + _GRID + 2 * around, side + _GRID + 2 * around) <= budget:
        side += _GRID
    return side


def free_bytes(device: torch.device) -> float:
    """Memory of a device, or of the machine, that nobody uses, in bytes."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    facts = Path("/proc/meminfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    if "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return 4.0 * 2**30


def restore_volume_steps(
    volume: NDArray[np.float32],
    blur: VolumeBlur,
    noise: PoissonGaussianNoise,
    restorer: VolumeRestorer,
    device: torch.device,
    side: int | None = None,
    *,
    background: float = 0.0,
    mask: NDArray[np.bool_] | None = None,
) -> Generator[Progress, None, RestoredVolume]:
    """Restore a volume, yielding progress after each iteration of each tile.

    How many iterations are enough is decided once, on the tile with the most light, for all tiles alike.

    Parameters
    ----------
    volume
        Observed volume, dark places near 0 and bright ones near 1, shape (D, H, W).
    blur
        What to remove.
    noise
        Noise of the volume, with offset 0.
    restorer
        The method.
    device
        Where to compute.
    side
        Longest side of the tiles, as from `choose_volume_side`.
    background
        Light that the scene does not send.
    mask
        True where a voxel says something, shape (D, H, W); by default everywhere.

    Returns
    -------
    RestoredVolume
        As the value of the generator.
    """
    depth, rows, columns = volume.shape
    tiles = plan_tiles((rows, columns), side, blur.margin[1])
    seen = np.where(True if mask is None else mask, volume, 0)

    def problem(tile: Tile) -> VolumeProblem:
        part = (slice(None), *tile.source)
        image = torch.from_numpy(np.ascontiguousarray(seen[part])).to(device)[None, None]
        operator: LinearOperator = VolumeOperator(blur.planes.to(device), image.shape[-3:], blur.margin)
        if mask is not None and not mask[part].all():
            operator = MaskedOperator(operator, torch.from_numpy(np.ascontiguousarray(mask[part])).to(device))
        levels = noise.alpha, noise.beta
        return VolumeProblem(image, operator, levels, background, blur.spacing, blur.spread)

    most, brightest = restorer.iterations, max(tiles, key=lambda tile: float(seen[(slice(None), *tile.source)].sum()))
    yield Progress("decide", 0, (len(tiles) + 1) * most)
    decided = yield from changed(
        restorer.decide_steps(problem(brightest)), lambda done: Progress("decide", done, (len(tiles) + 1) * most)
    )
    count = decided.iterations
    total = (len(tiles) + 1) * count
    result = np.zeros_like(volume)
    left: Residual | None = None
    for index, tile in enumerate(tiles):
        scene: Tensor | None = None
        posed = problem(tile)
        for step in decided.steps(posed):
            scene = step.scene
            yield Progress("deblur", (index + 1) * count + step.iteration, total)
        assert scene is not None
        restored = _stack_of(scene, blur.margin, (depth, *_sides(tile)))
        result[(slice(None), *tile.target)] += tile.weights * restored[(slice(None), *tile.inner)]
        if tile is brightest:
            left = _left(posed, scene, None if mask is None else mask[(slice(None), *tile.source)])
    assert left is not None
    return RestoredVolume(result, side, count, left)


def _left(problem: VolumeProblem, scene: Tensor, mask: NDArray[np.bool_] | None) -> Residual:
    """Compute y - b - A x_hat of a tile."""
    with torch.inference_mode():
        explained = problem.operator.forward(scene.float())[0, 0].cpu().numpy() + np.float32(problem.background)
    image = problem.image[0, 0].cpu().numpy()
    counted = np.ones(image.shape, bool) if mask is None else mask
    return Residual(image - explained, image, counted)


def _sides(tile: Tile) -> tuple[int, int]:
    rows, columns = tile.source
    return rows.stop - rows.start, columns.stop - columns.start


def _stack_of(scene: Tensor, margin: Sequence[int], shape: Sequence[int]) -> NDArray[np.float32]:
    z, y, x = (slice(m, m + n) for m, n in zip(margin, shape, strict=True))
    inner: NDArray[np.float32] = scene[0, 0, z, y, x].float().cpu().numpy()
    return inner
