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
    shape : Tensor, shape (n, M, 10)
        Centre y, centre x; semi-axes a and b; cosine and sine of the rotation; cosine and sine of the direction of
        the cut, and its distance from the centre; 1 for ellipses or 0 for rectangles. Pixels.
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
        Rotation of axis a from the x axis, radians.
    cut : pair of Tensor, shape (n, M)
        Direction of the normal of the straight cut, radians, and its distance from the centre, pixels.
    half_box : int
        Half-side of the box that holds any leaf, pixels.
    elliptic : bool
        Ellipses, or else rectangles.

    Returns
    -------
    Leaves
        The leaves.
    """
    turn = angle.cos(), angle.sin(), cut[0].cos(), cut[0].sin()
    kind = torch.full_like(angle, float(elliptic))
    return Leaves(torch.stack([*centre, *semi_axes, *turn, cut[1], kind], dim=-1), half_box, elliptic)


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
        count = group.shape.shape[1]
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
    groups: list[Leaves],
    rank: torch.Tensor,
    leaf: torch.Tensor,
    pixel: torch.Tensor,
    size: int,
    warp: torch.Tensor | None = None,
) -> torch.Tensor:
    """Compute the fraction of each given pixel that a given leaf covers, from the distance to its edge.

    Parameters
    ----------
    groups, rank
        As in `rasterise`.
    leaf : Tensor of int64, shape (P,)
        Rank of the leaf to measure at each pixel; 0 means none.
    pixel : Tensor of int64, shape (P,)
        Flat index of each pixel in (n, size, size).
    size : int
        Side of the scenes, pixels.
    warp : Tensor, shape (2, P), optional
        Displacement (y, x) in pixels, smooth over the scene: outlines are those at the displaced positions.

    Returns
    -------
    Tensor of float32, shape (P,)
        Fractions in [0, 1]; 0 where there is no leaf.
    """
    n, count = rank.shape
    shapes = torch.cat([group.shape for group in groups], dim=1)
    table = torch.ones((n, count + 1, 10), device=rank.device)
    table.scatter_(1, rank.long()[..., None].expand(-1, -1, 10), shapes)
    row = pixel // (size * size) * (count + 1) + leaf
    centre_y, centre_x, a, b, cos, sin, cut_cos, cut_sin, cut, kind = table.view(-1, 10).index_select(0, row).T
    y, x = (pixel // size % size).float(), (pixel % size).float()
    if warp is not None:
        y, x = y + warp[0], x + warp[1]
    down, right = y - centre_y, x - centre_x
    u, v = right * cos + down * sin, down * cos - right * sin
    # Distance to an ellipse to first order: (k - 1) / |grad k| with k = (u/a)^2 + (v/b)^2.
    p, q = u / a**2, v / b**2
    ellipse = (u * p + v * q - 1) / (2 * torch.hypot(p, q).clamp_(min=1e-9))
    rectangle = torch.maximum(u.abs() - a, v.abs() - b)
    beyond_cut = right * cut_cos + down * cut_sin - cut
    distance = torch.maximum(torch.where(kind > 0.5, ellipse, rectangle), beyond_cut)
    return (0.5 - distance).clamp_(0, 1) * (leaf > 0)


def borders(top: torch.Tensor) -> torch.Tensor:
    """Find the pixels that have a neighbour under another leaf; all others are covered entirely by their own.

    Parameters
    ----------
    top : Tensor, shape (n, size, size)
        Topmost leaf, from `rasterise`.

    Returns
    -------
    Tensor of int64, shape (P,)
        Flat indices of these pixels.
    """
    differs = torch.zeros_like(top, dtype=torch.bool)
    for here, there in (
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
        ((slice(None), slice(None), slice(1, None)), (slice(None), slice(None), slice(None, -1))),
        ((slice(None), slice(1, None), slice(1, None)), (slice(None), slice(None, -1), slice(None, -1))),
        ((slice(None), slice(1, None), slice(None, -1)), (slice(None), slice(None, -1), slice(1, None))),
    ):
        change = top[here] != top[there]
        differs[here] |= change
        differs[there] |= change
    return differs.flatten().nonzero()[:, 0]


def _fragments(group: Leaves, size: int, reach: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return flat pixel index and flat leaf index of every pair of which the leaf may cover something.

    All coordinates are sums of a row term and a column term, so each costs one addition a pixel; a row or a column
    outside the scene gets an infinite term, which no leaf covers.
    """
    y, x, a, b, cos, sin, cut_cos, cut_sin, cut, _ = group.shape.movedim(-1, 0)[..., None]
    n = y.shape[0]
    step = torch.arange(-group.half_box, group.half_box + 1, device=group.shape.device)
    rows, columns = y.round().long() + step, x.round().long() + step
    down, right = rows - y, columns - x
    down = down.masked_fill((rows < 0) | (rows >= size) | (a <= 0), torch.inf)
    right = right.masked_fill((columns < 0) | (columns >= size), torch.inf)
    long, short = a + 0.5 + reach, b + 0.5 + reach
    u = (down * (sin / long))[..., :, None] + (right * (cos / long))[..., None, :]
    v = (down * (cos / short))[..., :, None] - (right * (sin / short))[..., None, :]
    covered = u * u + v * v < 1 if group.elliptic else torch.maximum(u.abs(), v.abs()) < 1
    beyond = (down * cut_sin)[..., :, None] + (right * cut_cos)[..., None, :]
    covered &= beyond < (cut + 0.5 + reach)[..., None]
    leaf, inner_row, inner_column = covered.flatten(0, 1).nonzero(as_tuple=True)
    scene = torch.arange(n, device=rows.device)[:, None, None] * (size * size)
    row_start = (scene + rows * size).flatten()
    pixel = row_start[leaf * len(step) + inner_row] + columns.flatten()[leaf * len(step) + inner_column]
    return pixel, leaf
