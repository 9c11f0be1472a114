"""Rasterise many overlapping ellipses and rectangles with true occlusion and edges of one pixel.

Every leaf tests the pixels of its own small box only; a depth buffer keeps, for each pixel, the topmost leaf and
the one below it. The colour of a pixel on an edge is then a mixture of the two, by the covered fraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Leaves:
    """M leaves in each of n scenes, all of them ellipses or all of them rectangles, possibly cut by a straight line.

    Attributes
    ----------
    shape : Tensor, shape (8, n, M)
        Rows: centre y, centre x, semi-axes a and b, rotation angle, angle of the normal of the cut, its distance
        from the centre, and 1 for ellipses or 0 for rectangles; pixels and radians.
    half_box : int
        Half-side of a box that holds any of these leaves around its centre, pixels.
    elliptic : bool
        Whether these are ellipses.
    """

    shape: torch.Tensor
    half_box: int
    elliptic: bool


def make_leaves(
    centre: tuple[torch.Tensor, torch.Tensor],
    semi_axes: tuple[torch.Tensor, torch.Tensor],
    angle: torch.Tensor,
    cut: tuple[torch.Tensor, torch.Tensor],
    half_box: int,
    elliptic: bool,
) -> Leaves:
    """Assemble leaves from their parameters.

    Parameters
    ----------
    centre : pair of Tensor, shape (n, M)
        y and x, pixels.
    semi_axes : pair of Tensor, shape (n, M)
        a and b, pixels; a leaf with a <= 0 is absent.
    angle : Tensor, shape (n, M)
        Rotation, radians.
    cut : pair of Tensor, shape (n, M)
        Angle of the normal of the straight cut, radians, and its distance from the centre, pixels.
    half_box : int
        Half-side of the box that holds any leaf, pixels.
    elliptic : bool
        Ellipses, or else rectangles.

    Returns
    -------
    Leaves
        The leaves.
    """
    kind = torch.full_like(angle, float(elliptic))
    return Leaves(torch.stack([*centre, *semi_axes, angle, *cut, kind]), half_box, elliptic)


def rasterise(
    groups: list[Leaves], rank: torch.Tensor, size: int, reach: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the topmost leaf of each pixel and the one below it.

    The test is generous by half a pixel, so that a leaf which covers a part of a pixel is never missed; `coverage`
    says how large the part is.

    Parameters
    ----------
    groups : list of Leaves
        The leaves, M in all groups together.
    rank : Tensor of int32, shape (n, M)
        Depth of each leaf, in the order of the groups: a permutation of 1 to M, M on top.
    size : int
        Side of the scenes, pixels.
    reach : float
        Further pixels by which the test is generous, for leaves whose outline is displaced afterwards.

    Returns
    -------
    top, below : Tensor of int64, shape (n, size, size)
        Ranks of the first and the second leaf, 0 where there is none.
    """
    n, first = rank.shape[0], 0
    pixels, depths = [], []
    for group in groups:
        count = group.shape.shape[2]
        pixel, leaf = _fragments(group, size, reach)
        pixels.append(pixel)
        depths.append(rank[:, first : first + count].reshape(-1)[leaf])
        first += count
    pixel, depth = torch.cat(pixels), torch.cat(depths)
    top = torch.zeros(n * size * size, dtype=torch.int32, device=rank.device)
    top.scatter_reduce_(0, pixel, depth, "amax")
    below = torch.zeros_like(top)
    below.scatter_reduce_(0, pixel, torch.where(depth == top[pixel], 0, depth), "amax")
    return top.view(n, size, size).long(), below.view(n, size, size).long()


def coverage(
    groups: list[Leaves], rank: torch.Tensor, leaf: torch.Tensor, warp: torch.Tensor | None = None
) -> torch.Tensor:
    """Compute the fraction of each pixel that a given leaf covers, from the distance to the edge.

    Parameters
    ----------
    groups, rank
        As in `rasterise`.
    leaf : Tensor of int64, shape (n, size, size)
        Rank of the leaf to measure at each pixel; 0 means none.
    warp : Tensor, shape (2, n, size, size), optional
        Displacement (y, x) in pixels, smooth: outlines are those at the displaced positions.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        Fractions in [0, 1]; 0 where there is no leaf.
    """
    n, size, _ = leaf.shape
    shapes = torch.cat([group.shape for group in groups], dim=2)
    rows = torch.full((n, rank.shape[1] + 1, 8), -1.0, device=rank.device)
    rows.scatter_(1, rank.long()[..., None].expand(-1, -1, 8), shapes.permute(1, 2, 0))
    scene = torch.arange(n, device=rank.device)[:, None, None] * rows.shape[1]
    shape = rows.view(-1, 8).index_select(0, (scene + leaf).view(-1)).view(n, size, size, 8).unbind(-1)
    steps = torch.arange(size, device=rank.device, dtype=torch.float32)
    y, x = steps[:, None], steps[None, :]
    if warp is not None:
        y, x = y + warp[0], x + warp[1]
    down, right = y - shape[0], x - shape[1]
    cos, sin = shape[4].cos(), shape[4].sin()
    u, v = right * cos + down * sin, down * cos - right * sin
    distance = torch.where(shape[7] > 0.5, _ellipse(shape, u, v), _rectangle(shape, u, v))
    distance = torch.maximum(distance, u * shape[5].cos() + v * shape[5].sin() - shape[6])
    return (0.5 - distance).clamp_(0, 1) * (leaf > 0)


def _fragments(group: Leaves, size: int, reach: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return flat pixel index and flat leaf index of every pair of which the leaf may cover something.

    All coordinates are sums of a row term and a column term, so each costs one addition a pixel; a row or a column
    outside the scene gets an infinite term, which no leaf covers.
    """
    y, x, a, b, angle, cut_angle, cut, _ = group.shape[..., None]
    n, count = group.shape.shape[1:]
    step = torch.arange(-group.half_box, group.half_box + 1, device=group.shape.device)
    rows, columns = y.round().long() + step, x.round().long() + step
    down, right = rows - y, columns - x
    down = down.masked_fill((rows < 0) | (rows >= size) | (a <= 0), torch.inf)
    right = right.masked_fill((columns < 0) | (columns >= size), torch.inf)
    cos, sin = angle.cos(), angle.sin()
    long, short = a + 0.5 + reach, b + 0.5 + reach
    u = (down * (sin / long))[..., :, None] + (right * (cos / long))[..., None, :]
    v = (down * (cos / short))[..., :, None] - (right * (sin / short))[..., None, :]
    covered = u * u + v * v < 1 if group.elliptic else torch.maximum(u.abs(), v.abs()) < 1
    normal = angle + cut_angle
    beyond = (down * normal.sin())[..., :, None] + (right * normal.cos())[..., None, :]
    covered &= beyond < (cut + 0.5 + reach)[..., None]
    leaf, inner_row, inner_column = covered.flatten(0, 1).nonzero(as_tuple=True)
    scene = torch.arange(n, device=rows.device)[:, None, None] * (size * size)
    row_start = (scene + rows * size).flatten()
    pixel = row_start[leaf * len(step) + inner_row] + columns.flatten()[leaf * len(step) + inner_column]
    return pixel, leaf


def _ellipse(shape: tuple[torch.Tensor, ...], u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Distance to the edge to first order, negative inside: (k - 1) / |grad k| with k = (u/a)^2 + (v/b)^2."""
    p, q = u / shape[2] ** 2, v / shape[3] ** 2
    return (u * p + v * q - 1) / (2 * torch.sqrt(p * p + q * q).clamp_(min=1e-9))


def _rectangle(shape: tuple[torch.Tensor, ...], u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Distance to the nearest side, negative inside."""
    return torch.maximum(u.abs() - shape[2], v.abs() - shape[3])
