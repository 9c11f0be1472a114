"""Procedural sharp scenes, drawn on any device from a generator: what a folder of photographs lacks.

Each kind is one file with one function of the same signature; `draw_procedural` mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch

from napari_deepblur.errors import SettingsError
from napari_deepblur.training.scenes.dead_leaves import dead_leaves
from napari_deepblur.training.scenes.fields import cloud_field, sharp_threshold, uniform
from napari_deepblur.training.scenes.filaments import filaments
from napari_deepblur.training.scenes.nuclei import nuclei
from napari_deepblur.training.scenes.spots import spots
from napari_deepblur.training.scenes.textures import textures

SceneMaker = Callable[[int, int, torch.Generator, torch.device], torch.Tensor]

#: Kind of scene: its function and its share of the scenes drawn.
KINDS: dict[str, tuple[SceneMaker, float]] = {
    "dead_leaves": (dead_leaves, 0.25),
    "filaments": (filaments, 0.25),
    "spots": (spots, 0.15),
    "nuclei": (nuclei, 0.15),
    "textures": (textures, 0.20),
}

#: The same for deblurring: more spots, and up to three times as dense, for their light is easily lost.
MANY_POINTS: dict[str, tuple[SceneMaker, float]] = {
    "dead_leaves": (dead_leaves, 0.20),
    "filaments": (filaments, 0.25),
    "spots": (partial(spots, most_points=1 / 20), 0.25),
    "nuclei": (nuclei, 0.15),
    "textures": (textures, 0.15),
}

_COMPOSITE = 0.25
_INVERTED = 0.1
_MIN_SIZE = 32


def draw_procedural(
    n: int,
    size: int,
    generator: torch.Generator,
    device: torch.device | str,
    kinds: Mapping[str, tuple[SceneMaker, float]] = KINDS,
) -> torch.Tensor:
    """Draw sharp scenes of random kinds.

    A quarter are composites of two kinds: their larger value, their product, or one beside the other along a
    sharp random border. One in ten is inverted. Edges are one pixel wide; nothing is blurred.

    Parameters
    ----------
    n : int
        Number of scenes.
    size : int
        Their side, at least 32 pixels.
    generator : torch.Generator
        Source of every random number: the same state gives the same scenes on the same device (on CUDA up to
        rounding, for points add their light in any order there).
    device : torch.device or str
        Where the scenes are drawn.
    kinds
        As `KINDS`.

    Returns
    -------
    Tensor of float32, shape (n, 1, size, size)
        Scenes in [0, 1].

    Raises
    ------
    SettingsError
        If `n` is negative or `size` too small for the structures.
    """
    if n < 0 or size < _MIN_SIZE:
        raise SettingsError(f"{n} scenes of side {size}; expected n >= 0 and a side of at least {_MIN_SIZE} pixels.")
    place = torch.device(device)
    if n == 0:
        return torch.empty((0, 1, size, size), device=place)
    composite = [index for index, draw in enumerate(uniform((n,), generator, place).tolist()) if draw < _COMPOSITE]
    drawn = _draw_kinds(n + len(composite), size, generator, place, kinds)
    scenes, partners = drawn[:n], drawn[n:]
    if composite:
        scenes[composite] = _combine(scenes[composite], partners, generator)
    scenes = torch.where(uniform((n, 1, 1), generator, place) < _INVERTED, 1 - scenes, scenes)
    top = 1 - 0.4 * uniform((n, 1, 1), generator, place) ** 2
    return (scenes * top)[:, None]


def _draw_kinds(
    n: int,
    size: int,
    generator: torch.Generator,
    device: torch.device,
    kinds: Mapping[str, tuple[SceneMaker, float]],
) -> torch.Tensor:
    """Draw n scenes (n, size, size), each of a kind picked by its share."""
    makers = [maker for maker, _ in kinds.values()]
    edges = torch.tensor([share for _, share in kinds.values()]).cumsum(0)
    draws = uniform((n,), generator, device).cpu() * edges[-1]
    picked = torch.searchsorted(edges, draws, right=True).clamp_(max=len(makers) - 1).tolist()
    scenes = torch.empty((n, size, size), device=device)
    for kind, maker in enumerate(makers):
        members = [index for index in range(n) if picked[index] == kind]
        if members:
            scenes[members] = maker(len(members), size, generator, device)
    return scenes


def _combine(first: torch.Tensor, second: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Compose pairs of scenes (n, size, size): larger value, product, or side by side."""
    n, size, _ = first.shape
    border = sharp_threshold(cloud_field(n, size, size / 4, generator, first.device), torch.zeros_like(first[:, 0, 0]))
    beside = second + border * (first - second)
    product = first * (0.25 + 0.75 * second)
    larger = torch.maximum(first, second)
    way = uniform((n, 1, 1), generator, first.device) * 3
    return torch.where(way < 1, larger, torch.where(way < 2, product, beside))
