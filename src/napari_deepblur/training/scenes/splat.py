"""Draw points between the pixels: each spreads its light over the four nearest pixels with bilinear weights."""

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
