"""Finite differences along any number of axes with their own spacings, their transpose, and sums over neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Differences:
    """Forward differences D x along the last n axes, each over the distance of its voxels, zero at the far border.

    Attributes
    ----------
    spacing
        Distance of neighbours along each of the n axes, all in one unit, such as that of the last axis.
    """

    spacing: tuple[float, ...]

    @property
    def squared_norm(self) -> float:
        """Upper bound of |D|^2 as an operator."""
        return sum(4 / distance**2 for distance in self.spacing)

    def gradient(self, scene: Tensor) -> Tensor:
        """Return D x: (..., S1, ..., Sn) to (n, ..., S1, ..., Sn)."""
        field = scene.new_zeros((len(self.spacing), *scene.shape))
        for part, axis, distance in self._along(field):
            length = scene.shape[axis] - 1
            torch.sub(scene.narrow(axis, 1, length), scene.narrow(axis, 0, length), out=part.narrow(axis, 0, length))
            part /= distance
        return field

    def adjoint(self, field: Tensor) -> Tensor:
        """Return D' p (minus the divergence): (n, ..., S1, ..., Sn) to (..., S1, ..., Sn)."""
        scene = torch.zeros_like(field[0])
        for part, axis, distance in self._along(field):
            edges = part.narrow(axis, 0, part.shape[axis] - 1) / distance
            scene.narrow(axis, 0, edges.shape[axis]).sub_(edges)
            scene.narrow(axis, 1, edges.shape[axis]).add_(edges)
        return scene

    def neighbour_sum(self, weights: Tensor) -> Tensor:
        """Sum the weights of the edges that meet in each voxel, over their squared distances.

        The edges that start from voxels, (n, ..., S1, ..., Sn), to (..., S1, ..., Sn).
        """
        total = torch.zeros_like(weights[0])
        for part, axis, distance in self._along(weights):
            edges = part.narrow(axis, 0, part.shape[axis] - 1) / distance**2
            total.narrow(axis, 0, edges.shape[axis]).add_(edges)
            total.narrow(axis, 1, edges.shape[axis]).add_(edges)
        return total

    def _along(self, field: Tensor) -> Sequence[tuple[Tensor, int, float]]:
        n = len(self.spacing)
        return [(field[i], i - n, distance) for i, distance in enumerate(self.spacing)]
