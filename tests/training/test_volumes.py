"""Procedural specimens with depth: planes of one volume."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from napari_deepblur.training.scenes.splat import splat_points, splat_volume
from napari_deepblur.training.scenes.volumes import (
    VOLUMES,
    VolumeMaker,
    draw_volumes,
    membrane_volumes,
    nucleus_volumes,
)

CPU = torch.device("cpu")
Z = torch.tensor([-16.0, -6.0, -2.0, 0.0, 2.0, 6.0, 16.0])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one(value: float) -> Tensor:
    return torch.tensor([[value]])


def similarity(volumes: Tensor, first: int, second: int) -> float:
    """Mean correlation of two planes of each volume; of those that have any structure in both."""
    pairs = [torch.stack((v[first].flatten(), v[second].flatten())) for v in volumes]
    return torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs if (pair.std(1) > 1e-4).all()]).mean().item()


def test_a_point_between_planes_shares_its_light_between_them() -> None:
    volume = splat_volume(one(7.3), one(11.85), one(2.25), one(0.8), 20, 5)[0]
    assert volume.shape == (5, 20, 20)
    torch.testing.assert_close(volume.sum((1, 2)), torch.tensor([0, 0, 0.6, 0.2, 0]), atol=1e-6, rtol=0)
    flat = splat_points(one(7.3), one(11.85), one(1.0), 20)[0]
    torch.testing.assert_close(volume[2], 0.6 * flat)
    torch.testing.assert_close(volume[3], 0.2 * flat)


@pytest.mark.parametrize("plane", [0.0, 1.0, 4.0])
def test_a_point_in_a_plane_is_there_alone(plane: float) -> None:
    volume = splat_volume(one(7.0), one(3.0), one(plane), one(0.8), 20, 5)[0]
    assert volume[int(plane), 7, 3].item() == pytest.approx(0.8)
    assert volume.sum().item() == pytest.approx(0.8)


def test_many_points_keep_their_light_and_their_centre_of_mass() -> None:
    shape = (3, 200)
    y, x = 2 + 26 * torch.rand(2, *shape, generator=generator())
    plane, light = 4 * torch.rand(shape, generator=generator(1)), torch.rand(shape, generator=generator(2))
    volumes = splat_volume(y, x, plane, light, 30, 5)
    torch.testing.assert_close(volumes.sum((1, 2, 3)), light.sum(1), rtol=1e-5, atol=0)
    for axis, places in ((1, plane), (2, y), (3, x)):
        others = tuple(other for other in (1, 2, 3) if other != axis)
        profile = volumes.sum(others)
        centre = (profile * torch.arange(profile.shape[1])).sum(1) / light.sum(1)
        torch.testing.assert_close(centre, (places * light).sum(1) / light.sum(1), rtol=1e-4, atol=1e-4)


def test_light_is_linear_in_the_height() -> None:
    """Halfway between two places a point gives the mean of what it gives at either."""
    below, between, above = (splat_volume(one(9.4), one(5.2), one(p), one(1.0), 20, 5) for p in (2.0, 2.3, 3.0))
    torch.testing.assert_close(between, 0.7 * below + 0.3 * above)


@pytest.mark.parametrize("plane", [-1.5, -1.0, 5.0, 9.0])
def test_points_beyond_the_volume_leave_no_light(plane: float) -> None:
    assert splat_volume(one(7.0), one(3.0), one(plane), one(0.8), 20, 5).abs().max() == 0


def test_points_a_little_beyond_fade() -> None:
    assert splat_volume(one(7.0), one(3.0), one(4.25), one(0.8), 20, 5).sum().item() == pytest.approx(0.6)
    assert splat_volume(one(7.0), one(3.0), one(-0.25), one(0.8), 20, 5)[0, 0].sum().item() == pytest.approx(0.6)


@pytest.mark.parametrize("maker", VOLUMES, ids=lambda maker: maker.__name__)
def test_every_kind_is_in_range_varied_and_fixed_by_the_generator(maker: VolumeMaker) -> None:
    volumes = maker(8, 96, Z, generator(), CPU)
    assert volumes.shape == (8, 7, 96, 96)
    assert volumes.isfinite().all() and volumes.min() >= 0 and volumes.max() <= 1
    assert (volumes.amax((1, 2, 3)) - volumes.amin((1, 2, 3))).median() > 0.3
    assert torch.equal(volumes, maker(8, 96, Z, generator(), CPU))
    assert not torch.equal(volumes, maker(8, 96, Z, generator(1), CPU))
    # Something on every plane.
    assert (volumes.std((2, 3)) > 1e-3).float().mean(0).min() > 0.5


@pytest.mark.parametrize("maker", [nucleus_volumes, membrane_volumes], ids=lambda maker: maker.__name__)
def test_solid_bodies_reach_through_the_planes(maker: VolumeMaker) -> None:
    """The nearer two planes are, the more alike: as in a specimen, and unlike a stack of unrelated pictures."""
    volumes = torch.cat([maker(6, 128, Z, generator(seed), CPU) for seed in range(8)])
    near, middle, far = (similarity(volumes, 3, index) for index in (4, 5, 6))
    assert near > middle + 0.05 and middle > far + 0.05
    # The same heights below as above.
    assert similarity(volumes, 3, 2) == pytest.approx(near, abs=0.08)
    # And as sharp on every plane as on the one in focus.
    fine = volumes.diff(dim=-1).abs().mean((0, 2, 3))
    assert fine.min() > 0.6 * fine.max()


def test_solid_bodies_are_as_long_across_the_planes_as_along_them() -> None:
    """A shift by two pixels changes a body as much as a step of two pixels to the next plane does."""
    across, along = [], []
    for seed in range(12):
        volumes = nucleus_volumes(6, 128, torch.tensor([0.0, 3.0]), generator(seed), CPU)
        across.append((volumes[:, 1] - volumes[:, 0]).abs().mean())
        along.append((volumes[..., 3:] - volumes[..., :-3]).abs().mean())
    ratio = (torch.stack(across).mean() / torch.stack(along).mean()).item()
    assert 0.5 < ratio < 2


@pytest.mark.parametrize("maker", VOLUMES[:2], ids=lambda maker: maker.__name__)
def test_points_and_lines_lie_evenly_in_height(maker: VolumeMaker) -> None:
    """Light of a plane is in proportion to the part of the height that is nearest to it."""
    light = torch.cat([maker(6, 96, Z, generator(seed), CPU) for seed in range(10)]).mean((0, 2, 3))
    gaps = torch.tensor([b - a for a, b in pairwise(Z.tolist())])
    part = torch.cat((gaps, torch.zeros(1))) / 2 + torch.cat((torch.zeros(1), gaps)) / 2
    # What piles up saturates, so that crowded planes hold a little less.
    torch.testing.assert_close(light / light.sum(), part / part.sum(), atol=0.06, rtol=0)


def test_mixtures_have_every_kind_and_are_fixed_by_the_generator() -> None:
    volumes = draw_volumes(24, 64, Z, generator(), CPU)
    assert volumes.shape == (24, 7, 64, 64)
    assert volumes.min() >= 0 and volumes.max() <= 1
    assert torch.equal(volumes, draw_volumes(24, 64, Z, generator(), CPU))
    assert not torch.equal(volumes, draw_volumes(24, 64, Z, generator(1), CPU))
    # Sparse and dense ones.
    lit = (volumes > 0.3).float().mean((1, 2, 3))
    assert lit.min() < 0.02 and lit.max() > 0.1
    assert draw_volumes(0, 64, Z, generator(), CPU).shape == (0, 7, 64, 64)
