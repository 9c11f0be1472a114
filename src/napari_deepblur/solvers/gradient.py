"""Finite differences on a scene, their transpose, and the total variation."""

from __future__ import annotations

import torch
from torch import Tensor

SQUARED_NORM = 8.0
"""Upper bound of |gradient|^2 as an operator."""


def gradient(scene: Tensor) -> Tensor:
    """Forward differences along rows and columns, zero at the far border: (..., H, W) to (2, ..., H, W)."""
    down = torch.zeros_like(scene)
    right = torch.zeros_like(scene)
    torch.sub(scene[..., 1:, :], scene[..., :-1, :], out=down[..., :-1, :])
    torch.sub(scene[..., :, 1:], scene[..., :, :-1], out=right[..., :, :-1])
    return torch.stack((down, right))


def gradient_adjoint(field: Tensor) -> Tensor:
    """Transpose of `gradient` (minus the divergence): (2, ..., H, W) to (..., H, W)."""
    down, right = field[0, ..., :-1, :], field[1, ..., :, :-1]
    scene = torch.zeros_like(field[0])
    scene[..., :-1, :] -= down
    scene[..., 1:, :] += down
    scene[..., :, :-1] -= right
    scene[..., :, 1:] += right
    return scene


def neighbour_sum(field: Tensor) -> Tensor:
    """Sum the values on the edges that meet in each pixel: (2, ..., H, W) to (..., H, W)."""
    down, right = field[0, ..., :-1, :], field[1, ..., :, :-1]
    scene = torch.zeros_like(field[0])
    scene[..., :-1, :] += down
    scene[..., 1:, :] += down
    scene[..., :, :-1] += right
    scene[..., :, 1:] += right
    return scene


def magnitude(field: Tensor) -> Tensor:
    """Length of the vectors of a field (2, ..., H, W), shape (..., H, W)."""
    return torch.hypot(field[0], field[1])


def variation(scene: Tensor) -> Tensor:
    """Isotropic total variation, sum |gradient| over each scene, the mean over four corners; shape (..., 1, 1)."""
    return magnitude(corner_gradients(scene)).sum(dim=0).sum(dim=(-2, -1), keepdim=True) / 2


def corner_gradients(scene: Tensor) -> Tensor:
    """Half of the gradient, as seen from each of the four corners of a pixel: (..., H, W) to (2, 4, ..., H, W).

    A pixel has an edge above, below, left and right. The differences across one horizontal and one vertical edge make a
    gradient; with one pair alone, as `gradient` has it, the total variation of an image and that of its mirror image
    differ. As an operator the four together have no larger norm than `gradient`, by the factor of a half.
    """
    below, right = gradient(scene)
    above, left = below.roll(1, -2), right.roll(1, -1)
    down, across = torch.stack((below, below, above, above)), torch.stack((right, left, right, left))
    return torch.stack((down, across)) / 2


def corner_gradients_adjoint(field: Tensor) -> Tensor:
    """Transpose of `corner_gradients`: (2, 4, ..., H, W) to (..., H, W)."""
    down, across = field[0], field[1]
    below = down[0] + down[1] + (down[2] + down[3]).roll(-1, -2)
    right = across[0] + across[2] + (across[1] + across[3]).roll(-1, -1)
    return gradient_adjoint(torch.stack((below, right)) / 2)


def edge_weights(scene: Tensor, smooth: Tensor) -> Tensor:
    """Weights v of the edges, for which sum v |gradient|^2 / 2 bounds the variation: (..., H, W) to (2, ..., H, W).

    Each edge has the mean of 1 / |gradient| over the four corners that it is part of; |gradient| is at least `smooth`.
    """
    below, right = gradient(scene).square()
    above, left = below.roll(1, -2), right.roll(1, -1)
    floor = smooth.square()
    first, second, third, fourth = (
        1 / (vertical + horizontal + floor).sqrt()
        for vertical, horizontal in ((below, right), (below, left), (above, right), (above, left))
    )
    down = first + second + (third + fourth).roll(-1, -2)
    across = first + third + (second + fourth).roll(-1, -1)
    return torch.stack((down, across)) / 4
