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
    """Isotropic total variation, sum |gradient| over each scene, shape (..., 1, 1)."""
    return magnitude(gradient(scene)).sum(dim=(-2, -1), keepdim=True)
