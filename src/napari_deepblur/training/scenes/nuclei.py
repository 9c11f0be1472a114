"""Nuclei: smooth closed outlines with a sharp border, mottled inside, over a dim background."""

from __future__ import annotations

import math

import torch

from napari_deepblur.training.scenes.fields import cloud_field, haze, log_uniform, power_law_field, uniform
from napari_deepblur.training.scenes.leaves import coverage, make_leaves, rasterise

_WARP = 3.0


def nuclei(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw scenes of nuclei on a jittered lattice, some of its places empty.

    Each nucleus is an ellipse whose outline is displaced by a smooth field; inside, a 1/f texture and bright or dark
    grains (chromocentres, nucleoli) with edges of a few pixels.

    Parameters
    ----------
    n : int
        Number of scenes.
    size : int
        Their side, pixels.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the scenes live.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        Scenes in [0, 1].
    """
    radius = float(log_uniform((), generator, device, 5.0, max(8.0, size / 9)))
    pitch = radius * float(uniform((), generator, device, 1.9, 3.2))
    per_side = math.ceil(size / pitch) + 3
    count = per_side * per_side
    lattice = torch.arange(per_side, device=device, dtype=torch.float32) * pitch - pitch
    grid = torch.stack(torch.meshgrid(lattice, lattice, indexing="ij")).view(2, 1, count)
    shift = uniform((2, n, 1), generator, device) * pitch
    stagger = 0.5 * pitch * (grid[0] / pitch % 2)
    grid = torch.stack([grid[0], grid[1] + stagger])
    jitter = 0.9 * pitch * (uniform((2, n, count), generator, device) - 0.5)
    centre = grid - shift + jitter
    long = radius * uniform((n, count), generator, device, 0.7, 1.2)
    short = long * uniform((n, count), generator, device, 0.55, 1.0)
    present = uniform((n, count), generator, device) < uniform((n, 1), generator, device, 0.25, 1.0)
    angle = math.pi * uniform((n, count), generator, device)
    cut = torch.zeros_like(long), torch.full_like(long, 4 * radius)
    half_box = math.ceil(1.2 * radius + _WARP) + 1
    cells = [make_leaves((centre[0], centre[1]), (torch.where(present, long, -1.0), short), angle, cut, half_box, True)]
    rank = uniform((n, count), generator, device).argsort(1).argsort(1).int() + 1

    bend = cloud_field(2 * n, size, max(4.0, 0.7 * radius), generator, device).view(2, -1)
    warp = (bend * min(0.08 * radius, _WARP / 2)).clamp_(-_WARP, _WARP)
    top, below = rasterise(cells, rank, size, reach=_WARP)

    fall = uniform((n,), generator, device, 1.0, 2.0)
    grain = power_law_field(n, size, fall, torch.full((n,), 1 / radius, device=device), generator)
    amount = uniform((n, 1, 1), generator, device, 0.02, 0.2)
    knob = cloud_field(n, size, max(3.0, 0.25 * radius), generator, device)
    knob = ((knob - 1.2) * 3).clamp_(0, 1) * uniform((n, 1, 1), generator, device, -0.4, 0.6)
    inside = (1 + amount * grain + knob).flatten()
    level = uniform((n, count + 1), generator, device, 0.25, 0.8) * uniform((n, 1), generator, device, 0.6, 1.0)
    scene = haze(n, size, 0.15, generator, device).flatten()
    for layer in (below.flatten(), top.flatten()):
        pixel = layer.nonzero()[:, 0]
        leaf = layer[pixel]
        share = coverage(cells, rank, leaf, pixel, size, warp[:, pixel])
        own = level.flatten()[pixel // (size * size) * (count + 1) + leaf] * inside[pixel]
        scene[pixel] = torch.lerp(scene[pixel], own, share)
    return scene.view(n, size, size).clamp_(0, 1)
