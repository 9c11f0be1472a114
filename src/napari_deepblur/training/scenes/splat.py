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
    scenes = torch.arange(y.shape[0], device=y.device)[:, None].expand_as(y)
    return _splat(scenes.flatten(), y.flatten(), x.flatten(), brightness.flatten(), size, y.shape[0])


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
    # A volume is `planes` images. Many points are dark, since curves differ in length: they would cost as much.
    scene, point = torch.nonzero((brightness > 0) & (plane > -1) & (plane < planes), as_tuple=True)
    y, x, plane, brightness = (value[scene, point] for value in (y, x, plane, brightness))
    below = plane.floor()
    share, below = plane - below, below.long()
    first = below >= 0
    second = below + 1 < planes
    image = scene * planes + below
    canvas = _splat(
        torch.cat((image[first], image[second] + 1)),
        torch.cat((y[first], y[second])),
        torch.cat((x[first], x[second])),
        torch.cat((((1 - share) * brightness)[first], (share * brightness)[second])),
        size,
        n * planes,
    )
    return canvas.view(n, planes, size, size)


def _splat(
    image: torch.Tensor, y: torch.Tensor, x: torch.Tensor, brightness: torch.Tensor, size: int, images: int
) -> torch.Tensor:
    """Add each point, of arguments of shape (P,), to the image whose number it has: (images, size, size)."""
    margin = 1
    # Everything that falls outside lands in a frame of one pixel, which is then cut off.
    side = size + 2 * margin + 1
    y = (y + margin).clamp(0, side - 1.001)
    x = (x + margin).clamp(0, side - 1.001)
    top, left = y.floor(), x.floor()
    down, right = y - top, x - left
    corner = image * (side * side) + top.long() * side + left.long()
    below, above = brightness * down, brightness * (1 - down)
    canvas = torch.zeros(images * side * side + side + 2, device=y.device)
    corners = ((0, above * (1 - right)), (1, above * right), (side, below * (1 - right)), (side + 1, below * right))
    for step, light in corners:
        canvas.index_add_(0, corner + step, light)
    canvas = canvas[: images * side * side].view(images, side, side)
    return canvas[:, margin : margin + size, margin : margin + size].contiguous()
