"""Light of solids, sheets and points, and the specimens made of them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulation.geometry import Box, Ellipsoid, filled, render, sheet, smooth_noise, splat
from benchmarks.simulation.specimens import KINDS, draw_specimen
from napari_deepblur.errors import SettingsError

BOX = Box((27, 64, 60), (0.25, 0.1, 0.1))
VOXEL_UM3 = 0.25 * 0.1 * 0.1


def ball(radius_um: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Ellipsoid:
    return Ellipsoid(np.array(centre), np.full(3, radius_um), np.eye(3), np.zeros((1, 3)), np.zeros(1))


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (0.07, 0.031, -0.044)])
@pytest.mark.parametrize("radius_um", [0.8, 2.0])
def test_a_ball_has_its_volume_and_its_shell_its_area(radius_um: float, centre: tuple[float, float, float]) -> None:
    [(_, solid)] = render(BOX, [ball(radius_um, centre)], filled)
    assert VOXEL_UM3 * solid.sum() == pytest.approx(4 / 3 * np.pi * radius_um**3, rel=0.03)
    [(_, shell)] = render(BOX, [ball(radius_um, centre)], sheet)
    assert VOXEL_UM3 * shell.sum() == pytest.approx(4 * np.pi * radius_um**2, rel=0.03)


def test_a_turned_ellipsoid_has_the_volume_of_its_axes_and_no_stairs() -> None:
    c, s = np.cos(0.6), np.sin(0.6)
    turn = np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    solid = Ellipsoid(np.zeros(3), np.array([1.5, 2.5, 1.2]), turn, np.zeros((1, 3)), np.zeros(1))
    [(place, values)] = render(BOX, [solid], filled)
    assert VOXEL_UM3 * values.sum() == pytest.approx(4 / 3 * np.pi * 1.5 * 2.5 * 1.2, rel=0.03)
    # Its long axis lies where the rotation puts the second axis: (0, cos, sin).
    y, x = (BOX.axis(d)[place[d]] for d in (1, 2))
    middle = values[values.shape[0] // 2]
    moment = (middle * y[:, None] * x).sum() / (middle * y[:, None] ** 2).sum()
    assert moment > 0.3
    edge = (values > 0) & (values < 1)
    assert len(np.unique(values[edge].round(6))) > 50


def test_points_keep_their_light_and_their_place() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.45, 0.45, (200, 3)) * (BOX.size_um - 1)
    light = rng.uniform(0.5, 2, 200)
    volume = splat(BOX, points, light)
    assert volume.sum() == pytest.approx(light.sum(), rel=1e-12)
    for dimension in range(3):
        profile = volume.sum(tuple(d for d in range(3) if d != dimension))
        centre = (profile * BOX.axis(dimension)).sum()
        assert centre == pytest.approx((light * points[:, dimension]).sum(), abs=1e-9)
    assert splat(BOX, np.full((1, 3), 100.0), np.ones(1)).sum() == 0


def test_bodies_far_outside_are_left_out() -> None:
    assert list(render(BOX, [ball(1.0, (0.0, 30.0, 0.0))], filled)) == []


def test_texture_is_smooth_alike_in_all_directions() -> None:
    field = smooth_noise(Box((48, 64, 64), (0.25, 0.1, 0.1)), 0.6, np.random.default_rng(0))
    assert field.mean() == pytest.approx(0, abs=1e-9) and field.std() == pytest.approx(1)
    # Correlation exp(-d^2 / 4 s^2) at a distance of 0.5 um, along z (two voxels) and x (five).
    along_z, along_x = (field[2:] * field[:-2]).mean(), (field[..., 5:] * field[..., :-5]).mean()
    assert along_z == pytest.approx(np.exp(-(0.5**2) / (4 * 0.6**2)), abs=0.1)
    assert along_x == pytest.approx(along_z, abs=0.1)


@pytest.mark.parametrize("kind", list(KINDS))
def test_specimens_are_decided_by_the_seed_and_change_with_depth(kind: str) -> None:
    box = Box((27, 160, 150), (0.25, 0.1, 0.1))
    first, again, other = (draw_specimen(kind, box, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == box.shape and first.dtype == np.float32 and first.min() >= 0
    assert first.mean() == pytest.approx(1, rel=1e-5)

    def alike(a: int, b: int) -> float:
        return float(np.corrcoef(first[a].ravel(), first[b].ravel())[0, 1])

    # Neighbouring planes have more in common than distant ones, and none is the other.
    assert alike(13, 14) > alike(13, 20)
    assert alike(13, 14) < 0.999


def test_an_unknown_specimen_is_named() -> None:
    with pytest.raises(SettingsError, match="filaments, nuclei"):
        draw_specimen("worms", BOX, 0)
