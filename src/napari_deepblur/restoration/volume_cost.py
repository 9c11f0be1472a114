"""How long the restoration of a volume will take, from some iterations on a small one on the same device."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch

from napari_deepblur.operators import VolumeOperator
from napari_deepblur.operators.volume import volume_grid
from napari_deepblur.restoration.tiling import plan_tiles
from napari_deepblur.restoration.volume import VolumeBlur
from napari_deepblur.restoration.volume_restorers import VolumeProblem, VolumeRestorer

_SHAPE, _PSF, _MARGIN = (8, 80, 80), (9, 33, 33), (2, 16, 16)
"""Of the small volume: about 300 000 voxels of the Fourier grid, too many for the caches of a processor."""

_TRIED, _LONGEST = 4, 2.0
"""Iterations that are timed, and seconds after which no more are."""


def restoration_seconds(
    shape: tuple[int, int, int], blur: VolumeBlur, restorer: VolumeRestorer, device: torch.device, side: int | None
) -> float:
    """Predict the time of `restore_volume_steps`, were all iterations to be done.

    A small volume is restored for some iterations, and the time of each is taken to grow as that of the Fourier
    transforms does, n log n.

    Parameters
    ----------
    shape
        Planes, rows and columns.
    blur
        What is removed.
    restorer
        The method.
    device
        Where to compute.
    side
        Longest side of the tiles; None where there is one.
    """
    depth, *plane = shape
    tiles = plan_tiles((plane[0], plane[1]), side, blur.margin[1])
    works = []
    for tile in tiles:
        rows, columns = (part.stop - part.start for part in tile.source)
        works.append(_work(volume_grid((depth, rows, columns), blur.margin, blur.half)))
    half = [length // 2 for length in _PSF]
    unit = _trial(restorer, device) / _work(volume_grid(_SHAPE, _MARGIN, half))
    # The number of iterations is decided on one of the tiles.
    return unit * (sum(works) + (max(works) if restorer.decides else 0))


def _work(grid: Sequence[int]) -> float:
    voxels = math.prod(grid)
    return voxels * math.log2(voxels)


def _trial(restorer: VolumeRestorer, device: torch.device) -> float:
    """Return the seconds that all iterations on the small volume would take."""
    generator = torch.Generator().manual_seed(0)
    psf = torch.rand(_PSF, generator=generator)
    image = 0.2 + 0.1 * torch.rand((1, 1, *_SHAPE), generator=generator)
    operator = VolumeOperator((psf / psf.sum()).to(device), _SHAPE, _MARGIN)
    problem = VolumeProblem(image.to(device), operator, (1e-3, 1e-2), 0.0, (2.0, 1.0, 1.0), 0.0)
    start = time.perf_counter()
    times: list[tuple[int, float]] = []
    for step in restorer.steps(problem):
        # What a device still has to do is waited for.
        float(step.scene.flatten()[0])
        times.append((step.iteration, time.perf_counter() - start))
        if len(times) > 1 and (len(times) >= _TRIED or times[-1][1] > _LONGEST):
            break
    (first, began), (last, ended) = times[0], times[-1]
    if last == first:
        return ended
    return began + (ended - began) / (last - first) * max(restorer.iterations - first, 0)
