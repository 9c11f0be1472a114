"""Dead leaves: opaque, textured shapes of all sizes that hide one another, the statistics of natural images."""

from __future__ import annotations

import math

import torch

from napari_deepblur.training.scenes.fields import log_uniform, power_law_field, uniform
from napari_deepblur.training.scenes.leaves import Leaves, borders, coverage, make_leaves, rasterise

_CHUNK = 4
_SMALLEST = 2.0
# Area of all leaves in one class of sizes (a factor sqrt(2)) over that of the scene.
_AREA_PER_CLASS = 0.15


def dead_leaves(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw scenes of overlapping opaque ellipses, rectangles and their cuttings.

    The number of leaves of radius r falls as r^-3, so every octave of size covers the same area, down to a smallest
    radius that differs from scene to scene (2 to 20 pixels). Each leaf has its own gray level, gradient and amount of
    a 1/f texture. Source: Lee, Mumford and Huang, Int. J. Computer Vision 41 (2001) 35.

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
    return torch.cat([_draw(min(_CHUNK, n - first), size, generator, device) for first in range(0, n, _CHUNK)])


def _draw(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    smallest = log_uniform((n, 1), generator, device, _SMALLEST, min(20.0, size / 6))
    groups: list[Leaves] = []
    radius = float(smallest.min())
    while radius < size / 3:
        # The mean shape fills about 0.4 of the square of its circumscribed radius, times pi.
        count = max(2, round(_AREA_PER_CLASS * size * size / (0.4 * math.pi * 1.4 * radius * radius)))
        groups += _size_class(n, count, radius, smallest, size, generator, device)
        radius *= math.sqrt(2)
    total = sum(group.shape.shape[1] for group in groups)
    rank = uniform((n, total), generator, device).argsort(1).argsort(1).int() + 1
    top, below = rasterise(groups, rank, size)

    exponent = uniform((n,), generator, device, 0.5, 1.6)
    texture = power_law_field(n, size, exponent, torch.full((n,), 0.02, device=device), generator).repeat(1, 2, 2)
    paint = uniform((6, n, total + 1), generator, device)
    amount = log_uniform((n, 1), generator, device, 0.02, 0.2)
    paint = torch.stack(
        [
            paint[0],
            amount * paint[1] ** 2,
            (paint[2] - 0.5) * (0.6 / size),
            (paint[3] - 0.5) * (0.6 / size),
            (paint[4] * size).floor(),
            (paint[5] * size).floor(),
        ],
        dim=-1,
    )
    everywhere = torch.arange(n * size * size, device=device)
    scenes = _colour(top.flatten(), everywhere, paint, texture)
    edge = borders(top)
    share = coverage(groups, rank, top.flatten()[edge], edge, size)
    behind = _colour(below.flatten()[edge], edge, paint, texture)
    scenes[edge] = torch.lerp(behind, scenes[edge], share)
    return scenes.view(n, size, size).clamp_(0, 1)


def _size_class(
    n: int,
    count: int,
    radius: float,
    smallest: torch.Tensor,
    size: int,
    generator: torch.Generator,
    device: torch.device,
) -> list[Leaves]:
    """Make the leaves of circumscribed radius between radius and sqrt(2) radius, half of them ellipses."""
    groups = []
    for elliptic in (True, False):
        share = (count + int(elliptic)) // 2
        draws = uniform((7, n, share), generator, device)
        reach = radius * math.sqrt(2) ** draws[0]
        if elliptic:
            semi_axes = reach, reach * (0.4 + 0.6 * draws[1])
        else:
            corner = (0.15 + 0.7 * draws[1]) * (math.pi / 2)
            semi_axes = reach * corner.cos(), reach * corner.sin()
        present = reach >= smallest
        semi_axes = torch.where(present, semi_axes[0], -1.0), semi_axes[1]
        margin = radius
        centre = (draws[2] * (size + 2 * margin) - margin, draws[3] * (size + 2 * margin) - margin)
        # Two leaves in three keep their full shape: their cut passes beyond the corner.
        cut = 2 * math.pi * draws[4], reach * torch.where(draws[5] < 0.33, 1.8 * draws[5], 2.0)
        half_box = math.ceil(radius * math.sqrt(2)) + 1
        groups.append(make_leaves(centre, semi_axes, math.pi * draws[6], cut, half_box, elliptic))
    return groups


def _colour(leaf: torch.Tensor, pixel: torch.Tensor, paint: torch.Tensor, texture: torch.Tensor) -> torch.Tensor:
    """Gray level of flat pixels under given leaves: level, gradient, and a shifted piece of the texture."""
    side = texture.shape[1]
    size = side // 2
    scene, within = pixel // (size * size), pixel % (size * size)
    own = paint.view(-1, 6).index_select(0, scene * paint.shape[1] + leaf)
    level, amount, slope_y, slope_x, shift_y, shift_x = own.T
    row, column = within // size, within % size
    # The texture is tiled twice along each axis, so a shift never leaves it.
    grain = texture.view(-1)[(scene * side + row + shift_y.long()) * side + column + shift_x.long()]
    shade = slope_y * (row - size / 2) + slope_x * (column - size / 2)
    gray: torch.Tensor = level + amount * grain + shade
    return gray
