"""Statistics of the spectra of sharp scenes, for the spectral fit of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW, prepare, sum_of_periodograms
from napari_deepblur.training.batches import SceneSource

SCENE_SIDE = 400
"""Side of the scenes in pixels; those of the paper."""

COMPONENTS = 100
"""Principal components that are kept: 60 to 250 gave nearly the same fits on training images, 30 worse ones."""

_FLOOR = 1e-8
"""Added to periodograms of scenes of unit variance: nothing finer is seen through any optics."""

_WIDEST = 4.0
"""Scenes whose log spectra vary more than this (nepers) are empty but for a speck."""


def log_spectra(
    source: SceneSource, count: int, size: int, generator: torch.Generator, batch: int = 8
) -> Iterator[Tensor]:
    """Draw sharp scenes of side `size`, and yield log periodograms (batch, WINDOW, WINDOW // 2 + 1), `count` in all."""
    for start in range(0, count, batch):
        scenes = source.draw(min(batch, count - start), size, generator)
        total, windows = sum_of_periodograms(prepare(scenes).pixels[:, :1])
        yield torch.log(total / windows + _FLOOR)


def scene_spectra(spectra: Tensor, windows: int, components: int = COMPONENTS) -> SceneSpectra:
    """Mean, principal components and residual variance of log spectra.

    Parameters
    ----------
    spectra
        Shape (N, WINDOW, WINDOW // 2 + 1), N well above `components`.
    windows
        Number of windows of each.
    components
        Number R of principal components.

    Returns
    -------
    SceneSpectra
        Of the shape of the spectra: their level is left out, because nobody knows the brightness of a scene.
    """
    # The mean over windows takes out the lowest frequencies, whose logarithm is of no use.
    used = torch.ones(spectra.shape[1:], dtype=torch.bool, device=spectra.device)
    used[0, 0] = False
    table = spectra[:, used]
    table = table[table.std(dim=1) < _WIDEST]
    table = table - table.mean(dim=1, keepdim=True)
    mean = table.mean(dim=0)
    table = table - mean
    _, singular, vectors = torch.linalg.svd(table / len(table) ** 0.5, full_matrices=False)
    first = vectors[:components]
    residual = (table - (table @ first.T) @ first).square().mean(dim=0)

    def whole(values: Tensor, fill: float) -> Tensor:
        result = values.new_full((*values.shape[:-1], *used.shape), fill)
        result[..., used] = values
        return result

    return SceneSpectra(
        whole(mean, 0.0), whole(first, 0.0), singular[:components].square(), whole(residual, 1.0), windows
    )


def windows_of(size: int) -> int:
    """Count the half-overlapping windows of a square image."""
    return ((size - WINDOW) // (WINDOW // 2) + 1) ** 2
