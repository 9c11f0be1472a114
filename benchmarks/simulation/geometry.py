"""Solids, sheets and points in a box of voxels, rendered without stairs: a voxel holds the light that lies in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Box(NamedTuple):
    """Voxels around the origin.

    Attributes
    ----------
    shape
        Planes, rows and columns.
    voxel_um
        Their distances in micrometres.
    """

    shape: tuple[int, int, int]
    voxel_um: tuple[float, float, float]

    @property
    def size_um(self) -> Array:
        """Extent along z, y, x."""
        return np.asarray(np.multiply(self.shape, self.voxel_um), dtype=np.float64)

    def axis(self, dimension: int) -> Array:
        """Positions of the voxels' centres along one dimension, in micrometres."""
        n = self.shape[dimension]
        return np.asarray((np.arange(n) - (n - 1) / 2) * self.voxel_um[dimension], dtype=np.float64)

    def around(self, centre_um: Array, reach_um: float) -> tuple[slice, slice, slice]:
        """Voxels within a distance of a point along every dimension; empty where it is far outside."""
        places = []
        for dimension, middle in enumerate(centre_um):
            first, last = np.searchsorted(self.axis(dimension), (middle - reach_um, middle + reach_um))
            places.append(slice(int(first), int(last)))
        return places[0], places[1], places[2]


class Ellipsoid(NamedTuple):
    """An ellipsoid |Q (x - c)| <= 1, Q = diag(1 / axes) R', with bumps.

    Attributes
    ----------
    centre_um
        c, as (z, y, x).
    axes_um
        Half-axes.
    rotation
        R, shape (3, 3), orthogonal.
    waves, phases
        The surface lies at |Q (x - c)| = 1 + mean_j cos(waves_j . u + phases_j) * bumps, u the direction of Q (x - c);
        shapes (J, 3) and (J,).
    bumps
        Their height as a share of the radius; below 0.3.
    """

    centre_um: Array
    axes_um: Array
    rotation: Array
    waves: Array
    phases: Array
    bumps: float = 0.0

    @property
    def reach_um(self) -> float:
        """No point of the surface is further from the centre."""
        return float(self.axes_um.max() * (1 + self.bumps))

    def distance(self, z: Array, y: Array, x: Array, voxel_um: tuple[float, float, float]) -> tuple[Array, Array]:
        """Signed distance from the surface, to first order, and the width of a voxel along the normal, in micrometres.

        Parameters
        ----------
        z, y, x
            Positions in micrometres that broadcast to any shape S.
        voxel_um
            Sides of the voxel.

        Returns
        -------
        tuple
            Two arrays of shape S: the distance, negative inside, and sum_i |n_i| voxel_i.
        """
        offsets = np.stack(np.broadcast_arrays(*(v - c for v, c in zip((z, y, x), self.centre_um, strict=True))))
        inner = np.einsum("ji,j...->i...", self.rotation, offsets) / self.axes_um.reshape(3, *(1,) * (offsets.ndim - 1))
        radius = np.sqrt(np.square(inner).sum(0)) + 1e-9
        steps = inner / self.axes_um.reshape(3, *(1,) * (offsets.ndim - 1)) / radius
        gradient = np.einsum("ij,j...->i...", self.rotation, steps)
        slope = np.sqrt(np.square(gradient).sum(0)) + 1e-9
        surface: Array | float = 1.0
        if self.bumps:
            angles = np.einsum("ji,i...->j...", self.waves, inner / radius)
            surface = 1 + self.bumps * np.cos(angles + self.phases.reshape(-1, *(1,) * (angles.ndim - 1))).mean(0)
        width = sum(np.abs(component) * side for component, side in zip(gradient, voxel_um, strict=True)) / slope
        return (radius - surface) / slope, np.asarray(width)


def filled(distance: Array, width: Array) -> Array:
    """Share of a voxel that lies inside a solid, from distance and width (`Ellipsoid.distance`)."""
    return np.clip(0.5 - distance / width, 0.0, 1.0)


def sheet(distance: Array, width: Array) -> Array:
    """Area of a surface in a voxel over the voxel's volume, 1 / um: a triangle of the voxel's width."""
    return np.maximum(1 - np.abs(distance) / width, 0.0) / width


def render(
    box: Box, solids: list[Ellipsoid], profile: Callable[[Array, Array], Array]
) -> Iterator[tuple[tuple[slice, slice, slice], Array]]:
    """Render solids one by one.

    Parameters
    ----------
    box
        The voxels.
    solids
        What to render.
    profile
        `filled` or `sheet`.

    Yields
    ------
    tuple
        Where in the box, and the values there.
    """
    for solid in solids:
        place = box.around(solid.centre_um, solid.reach_um + max(box.voxel_um))
        if all(part.stop > part.start for part in place):
            z, y, x = (box.axis(dimension)[part] for dimension, part in enumerate(place))
            yield place, profile(*solid.distance(z[:, None, None], y[:, None], x, box.voxel_um))


def splat(box: Box, points_um: Array, light: Array) -> Array:
    """Share the light of points among the eight voxels around each, so that their centre of mass is the point.

    Parameters
    ----------
    box
        The voxels.
    points_um
        Positions (z, y, x), shape (N, 3).
    light
        Of each, shape (N,).

    Returns
    -------
    ndarray
        Light of every voxel; what lies outside is lost.
    """
    places = points_um / np.array(box.voxel_um) + (np.array(box.shape) - 1) / 2
    first = np.floor(places).astype(np.int64)
    share = places - first
    volume = np.zeros(int(np.prod(box.shape)))
    for corner in np.ndindex(2, 2, 2):
        voxel = first + corner
        weight = light * np.where(np.array(corner), share, 1 - share).prod(1)
        inside = ((voxel >= 0) & (voxel < box.shape)).all(1)
        flat = np.ravel_multi_index(tuple(voxel[inside].T), box.shape)
        volume += np.bincount(flat, weight[inside], len(volume))
    return volume.reshape(box.shape)


def smooth_noise(box: Box, scale_um: float, rng: np.random.Generator) -> Array:
    """White noise behind a Gaussian filter of this standard deviation, of mean 0 and variance 1."""
    noise = np.fft.rfftn(rng.standard_normal(box.shape))
    frequency = (
        np.fft.fftfreq(box.shape[0], box.voxel_um[0])[:, None, None],
        np.fft.fftfreq(box.shape[1], box.voxel_um[1])[:, None],
        np.fft.rfftfreq(box.shape[2], box.voxel_um[2]),
    )
    square = sum(np.square(f) for f in frequency)
    field = np.fft.irfftn(noise * np.exp(-2 * (np.pi * scale_um) ** 2 * square), s=box.shape, axes=(0, 1, 2))
    field -= field.mean()
    return np.asarray(field / (field.std() + 1e-12))
