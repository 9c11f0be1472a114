"""Specimens with depth: filaments, nuclei, membranes and spots in a volume, none of which training has seen.

Volumes are light per voxel, of mean one over the box. The middle of the box is the middle of the specimen: the planes
around the middle of a thick specimen are a thin one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation.geometry import Array, Box, Ellipsoid, filled, render, sheet, smooth_noise, splat
from napari_deepblur.errors import SettingsError

_STEP_UM = 0.05
"""Distance of the points that a filament is made of."""


def draw_specimen(kind: str, box: Box, seed: int) -> NDArray[np.float32]:
    """Draw one specimen.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    box
        Its voxels.
    seed
        Decides everything.

    Returns
    -------
    ndarray
        Light of each voxel, shape `box.shape`, float32, mean 1.

    Raises
    ------
    SettingsError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise SettingsError(f"There is no specimen {kind!r}, only {', '.join(KINDS)}.")
    volume = KINDS[kind](box, np.random.default_rng([seed, 17]))
    return np.asarray(volume / volume.mean(), dtype=np.float32)


def filaments(box: Box, rng: np.random.Generator) -> Array:
    """Long thin curves that bend slowly and lie rather flat, like microtubules; 1 to 4 um in a cubic micrometre."""
    length_um = rng.uniform(12, 25)
    room = box.size_um + np.array([1.0, length_um, length_um])
    wanted = float(np.prod(room)) * rng.uniform(1.0, 4.0) / length_um
    count, steps = max(int(wanted), 1), round(length_um / _STEP_UM)
    persistence_um = rng.uniform(5, 20)
    start = rng.uniform(-0.5, 0.5, (count, 3)) * room
    # A worm-like chain in the plane, whose climb out of it wanders about zero.
    turns = rng.standard_normal((count, steps)) * np.sqrt(_STEP_UM / persistence_um)
    azimuth = rng.uniform(0, 2 * np.pi, (count, 1)) + turns.cumsum(1)
    climb = rng.normal(0, 0.12, (count, 1)) + 0.3 * (rng.standard_normal((count, steps)) * _STEP_UM**0.5).cumsum(1) / 5
    flat = np.cos(climb)
    direction = np.stack([np.sin(climb), flat * np.sin(azimuth), flat * np.cos(azimuth)], axis=-1)
    points = start[:, None] + _STEP_UM * (direction.cumsum(1) - direction.sum(1, keepdims=True) / 2)
    light = np.repeat(rng.lognormal(0, 0.4, count), steps)
    return splat(box, points.reshape(-1, 3), light)


def spots(box: Box, rng: np.random.Generator) -> Array:
    """Vesicles of up to 0.15 um radius, some alone and some in groups; 0.05 to 0.6 in a cubic micrometre."""
    room = box.size_um + 1.0
    count = max(int(np.prod(room) * 10 ** rng.uniform(-1.3, -0.2)), 8)
    alone = rng.uniform(-0.5, 0.5, (count, 3)) * room
    hosts = rng.uniform(-0.5, 0.5, (max(count // 40, 1), 3)) * room
    grouped = hosts[rng.integers(len(hosts), size=count)] + rng.normal(0, (0.8, 1.6, 1.6), (count, 3))
    centres = np.where(rng.uniform(size=(count, 1)) < 0.5, alone, grouped)
    # Sixty-four fluorophores in each.
    radius = rng.uniform(0, 0.15, (count, 1, 1)) / np.sqrt(3)
    points = centres[:, None] + radius * rng.standard_normal((count, 64, 3))
    return splat(box, points.reshape(-1, 3), np.repeat(rng.lognormal(0, 0.7, count), 64))


def nuclei(box: Box, rng: np.random.Generator) -> Array:
    """Ellipsoids full of chromatin of two scales, with dark nucleoli and a few bright knots."""
    texture = 0.35 * smooth_noise(box, rng.uniform(0.12, 0.25), rng) + 0.3 * smooth_noise(
        box, rng.uniform(0.5, 1.0), rng
    )
    chromatin = np.exp(texture)
    volume = np.full(box.shape, rng.uniform(0.0, 0.03))
    cells = _cells(box, rng, (3.0, 5.5), (2.0, 4.0), 0.05)
    for place, inside in render(box, cells, filled):
        volume[place] = np.maximum(volume[place], rng.lognormal(0, 0.25) * inside * chromatin[place])
    for host in cells:
        for _ in range(rng.integers(2, 6)):
            dark = rng.uniform() < 0.5
            where = host.centre_um + host.rotation @ (rng.uniform(-0.45, 0.45, 3) * host.axes_um)
            ball = _ball(where, rng.uniform(0.5, 1.1) if dark else rng.uniform(0.2, 0.45))
            for place, inside in render(box, [ball], filled):
                volume[place] *= 1 - 0.7 * inside if dark else 1 + 1.2 * inside
    return volume


def membranes(box: Box, rng: np.random.Generator) -> Array:
    """Thin shells of cells with bumps, each about its own size and brightness, and smaller shells inside."""
    volume = np.full(box.shape, 0.01)
    cells = _cells(box, rng, (3.0, 6.0), (2.5, 5.0), 0.15)
    for cell in list(cells):
        for _ in range(rng.integers(0, 4)):
            where = cell.centre_um + cell.rotation @ (rng.uniform(-0.4, 0.4, 3) * cell.axes_um)
            cells.append(_ball(where, rng.uniform(0.3, 1.2)))
    for place, surface in render(box, cells, sheet):
        volume[place] += rng.lognormal(0, 0.3) * surface
    return volume


KINDS: dict[str, Callable[[Box, np.random.Generator], Array]] = {
    "filaments": filaments,
    "nuclei": nuclei,
    "membranes": membranes,
    "spots": spots,
}
"""Functions of a box and a random generator, by name."""


def _cells(
    box: Box, rng: np.random.Generator, lateral_um: tuple[float, float], axial_um: tuple[float, float], bumps: float
) -> list[Ellipsoid]:
    """Bodies at random places near the middle plane, which do not overlap much."""
    room = box.size_um[1:] + lateral_um[1]
    tries = int(np.prod(room) / (np.pi * np.mean(lateral_um) ** 2) * rng.uniform(1.0, 3.0)) + 1
    cells: list[Ellipsoid] = []
    for _ in range(tries):
        centre = np.array([rng.uniform(-1.5, 1.5), *(rng.uniform(-0.5, 0.5, 2) * room)])
        axes = np.array([rng.uniform(*axial_um), *rng.uniform(*lateral_um, 2)])
        if all(np.hypot(*(centre - c.centre_um)[1:]) > 0.8 * (axes[1:].mean() + c.axes_um[1:].mean()) for c in cells):
            waves, phases = rng.normal(0, 2.5, (6, 3)), rng.uniform(0, 2 * np.pi, 6)
            cells.append(Ellipsoid(centre, axes, _rotation(rng), waves, phases, bumps))
    return cells


def _ball(centre_um: Array, radius_um: float) -> Ellipsoid:
    return Ellipsoid(centre_um, np.full(3, radius_um), np.eye(3), np.zeros((1, 3)), np.zeros(1))


def _rotation(rng: np.random.Generator) -> Array:
    """Any turn in the plane, after a tilt out of it of about ten degrees."""
    turn, tilt = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.2)
    c, s = np.cos(turn), np.sin(turn)
    in_plane = np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(tilt), np.sin(tilt)
    return np.asarray(in_plane @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]))
