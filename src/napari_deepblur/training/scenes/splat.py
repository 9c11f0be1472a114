"""Draw points between pixels and planes: each spreads its light over the nearest of them with linear weights."""

from __future__ import annotations

import torch


def splat_points(y: torch.Tensor, x: torch.Tensor, brightness: torch.Tensor, size: int) -> torch.Tensor:
    """Add points to empty images.

    Parameters
    ----------
    y, x : Tensor, shape (n, P)
        Positions in pixels; pixel (0, 0) has its centre at (0, 0). Light outside the image is lost.
    brightness : Tensor, shape (n, P)
        Sum of the light of each point.
    size : int
        Side of the images, pixels.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        The images. A point in the middle of the image adds exactly its brightness to their sum.
    """
    n, margin = y.shape[0], 1
    # Everything that falls outside lands in a frame of one pixel, which is then cut off.
    side = size + 2 * margin + 1
    y = (y + margin).clamp(0, side - 1.001)
    x = (x + margin).clamp(0, side - 1.001)
    top, left = y.floor(), x.floor()
    down, right = y - top, x - left
    scene = torch.arange(n, device=y.device)[:, None] * (side * side)
    corner = scene + top.long() * side + left.long()
    index = torch.stack([corner, corner + 1, corner + side, corner + side + 1])
    below, above = brightness * down, brightness * (1 - down)
    light = torch.stack([above * (1 - right), above * right, below * (1 - right), below * right])
    canvas = torch.zeros(n * side * side + side + 2, device=y.device)
    canvas.index_add_(0, index.flatten(), light.flatten())
    canvas = canvas[: n * side * side].view(n, side, side)
    return canvas[:, margin : margin + size, margin : margin + size]


def splat_volume(
    y: torch.Tensor, x: torch.Tensor, plane: torch.Tensor, brightness: torch.Tensor, size: int, planes: int
) -> torch.Tensor:
    """Add points to empty volumes.

    Parameters
    ----------
    y, x, brightness : Tensor, shape (n, P)
        As in `splat_points`.
    plane : Tensor, shape (n, P)
        Position between the planes, 0 to planes - 1; light beyond these is lost.
    size, planes : int
        Side of the images in pixels, and number of planes.

    Returns
    -------
    Tensor of float32, shape (n, planes, size, size)
        The volumes; a point between two planes shares its light between them.
    """
    n = y.shape[0]
    inside = (plane > -1) & (plane < planes)
    below = plane.floor().clamp(-1, planes - 1)
    share = plane - below
    # One tall picture, plane above plane, each with its own frame of one pixel.
    tall = torch.zeros(n * planes, size, size, device=y.device)
    for step, weight in ((0, 1 - share), (1, share)):
        which = below + step
        light = brightness * weight * (inside & (which >= 0) & (which < planes))
        for k in range(planes):
            here = which == k
            most = int(here.sum(1).max())
            if most:
                order = here.to(torch.uint8).argsort(dim=1, descending=True)[:, :most]
                row, column, shine = (v.gather(1, order) for v in (y, x, light * here))
                tall[k::planes] += splat_points(row, column, shine, size)
    return tall.view(n, planes, size, size)
