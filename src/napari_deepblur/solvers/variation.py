"""Isotropic total variation, from one corner of each voxel or from all four corners of each pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from napari_deepblur.solvers.differences import Differences


class Variation(ABC):
    """TV(x) = share * sum |D x|, where D x are vectors of n differences at C corners: (n, C, ..., S1, ..., Sn).

    Attributes
    ----------
    edges
        The differences between neighbours, of which those at the corners are made; |D| is at most their norm.
    share
        Weight of a corner.
    """

    edges: Differences
    share: float

    @abstractmethod
    def gradient(self, scene: Tensor) -> Tensor:
        """Return D x: (..., S1, ..., Sn) to (n, C, ..., S1, ..., Sn)."""

    @abstractmethod
    def adjoint(self, field: Tensor) -> Tensor:
        """Return D' p: (n, C, ..., S1, ..., Sn) to (..., S1, ..., Sn)."""

    @abstractmethod
    def edge_weights(self, slope: Tensor, smooth: Tensor | float) -> Tensor:
        """Return weights v of the edges, for which sum v |edges.gradient(x)|^2 / 2 bounds TV(x), up to a constant.

        Parameters
        ----------
        slope
            edges.gradient(scene), (n, ..., S1, ..., Sn); the weights have this shape, or spread over it.
        smooth
            What |D x| is at least taken for.
        """

    def total(self, scene: Tensor) -> Tensor:
        """Return TV of each scene; shape (..., 1, ..., 1)."""
        axes = tuple(range(-len(self.edges.spacing), 0))
        return self.share * magnitude(self.gradient(scene)).sum(dim=0).sum(dim=axes, keepdim=True)

    def surrogate_minimum(
        self, scene: Tensor, evidence: Tensor, seen: Tensor, kappa: Tensor | float, smooth: Tensor | float
    ) -> Tensor:
        """Minimise seen x - evidence log x + kappa (c x^2 - m x), whose last term bounds the variation, at each voxel.

        With the weights v of the edges of the current scene, TV is at most sum v |D x|^2 / 2 up to a constant, and that
        at most sum c x^2 - m x, with c the sum of v over the edges of a voxel and m that of v (x + x_neighbour).
        The minimum is the positive root of 2 kappa c x^2 + (seen - kappa m) x = evidence.
        """
        slope = self.edges.gradient(scene)
        weight = self.edge_weights(slope, smooth)
        edges = self.edges.neighbour_sum(weight.expand_as(slope))
        linear = 2 * edges * scene - self.edges.adjoint(slope.mul_(weight))
        linear = seen - kappa * linear
        root = (linear.square() + 8 * kappa * edges * evidence).sqrt()
        # The two forms of the root are equal; each is stable for one sign of the linear term.
        return torch.where(linear > 0, 2 * evidence / (linear + root), (root - linear) / (4 * kappa * edges))


class OneCorner(Variation):
    """The variation of volumes, which takes least memory: the edges that start from a voxel meet in its one corner.

    Parameters
    ----------
    spacing
        Distances of neighbours along the axes.
    """

    def __init__(self, spacing: tuple[float, ...]) -> None:
        self.edges, self.share = Differences(spacing), 1.0

    def gradient(self, scene: Tensor) -> Tensor:
        """Return the differences, shape (n, 1, ..., S1, ..., Sn)."""
        return self.edges.gradient(scene)[:, None]

    def adjoint(self, field: Tensor) -> Tensor:
        """Return their transpose."""
        return self.edges.adjoint(field[:, 0])

    def edge_weights(self, slope: Tensor, smooth: Tensor | float) -> Tensor:
        """Return 1 / |D x|, the same for all edges that start from a voxel, shape (..., S1, ..., Sn)."""
        return (slope.square().sum(0) + smooth**2).rsqrt()


class FourCorners(Variation):
    """The variation of images, the mean over the four corners of a pixel: that of a turned image is the same.

    A pixel has an edge above, below, left and right. The differences across one horizontal and one vertical edge make a
    vector; with one pair alone the total variation of an image and that of its mirror image differ. Each is halved: as
    an operator the four together have no larger norm than the differences.
    """

    def __init__(self) -> None:
        self.edges, self.share = Differences((1.0, 1.0)), 0.5

    def gradient(self, scene: Tensor) -> Tensor:
        """Return half of the differences, as seen from each corner: (..., H, W) to (2, 4, ..., H, W)."""
        below, right = self.edges.gradient(scene)
        above, left = below.roll(1, -2), right.roll(1, -1)
        down, across = torch.stack((below, below, above, above)), torch.stack((right, left, right, left))
        return torch.stack((down, across)) / 2

    def adjoint(self, field: Tensor) -> Tensor:
        """Return their transpose: (2, 4, ..., H, W) to (..., H, W)."""
        down, across = field[0], field[1]
        below = down[0] + down[1] + (down[2] + down[3]).roll(-1, -2)
        right = across[0] + across[2] + (across[1] + across[3]).roll(-1, -1)
        return self.edges.adjoint(torch.stack((below, right)) / 2)

    def edge_weights(self, slope: Tensor, smooth: Tensor | float) -> Tensor:
        """Return the mean of 1 / |D x| over the four corners that an edge is part of, shape (2, ..., H, W)."""
        below, right = slope.square()
        above, left = below.roll(1, -2), right.roll(1, -1)
        first, second, third, fourth = (
            1 / (vertical + horizontal + smooth**2).sqrt()
            for vertical, horizontal in ((below, right), (below, left), (above, right), (above, left))
        )
        down = first + second + (third + fourth).roll(-1, -2)
        across = first + third + (second + fourth).roll(-1, -1)
        return torch.stack((down, across)) / 4


def magnitude(field: Tensor) -> Tensor:
    """Length of the vectors of a field (n, ...), shape (...)."""
    length: Tensor = torch.linalg.vector_norm(field, dim=0)
    return length
