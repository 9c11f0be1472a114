"""Specimens with depth: light is conserved, planes out of focus are broad, and with one lit plane there is no depth."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import zernike_psf
from napari_deepblur.training import thick
from napari_deepblur.training.pupils import PUPILS, Pupils
from napari_deepblur.training.thick import ThickImages, draw_thick, planes_of_a_stack, stack_side

CPU = torch.device("cpu")
MODES = tuple(range(4, 16))
FC = 0.26
PUPILS_HERE = Pupils(FC, MODES, 31, CPU)
OIL = PUPILS.index((0.934, "vectorial"))
SIZE = 96
SIDE, PLANES = stack_side(SIZE), planes_of_a_stack()
FOCUS = PLANES // 2


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(stacks: Tensor, theta: Tensor, pupil: int = OIL, seed: int = 0) -> ThickImages:
    psf = zernike_psf(theta, PUPILS_HERE.take(torch.full((len(theta),), pupil)))
    return draw_thick(stacks, theta, psf, pupil, MODES, FC, SIZE, generator(seed))


def waves(n: int, size: float = 0.1) -> Tensor:
    return size * (2 * torch.rand(n, 12, generator=generator(9)) - 1)


def random_stacks(n: int) -> Tensor:
    return torch.rand(n, PLANES, SIDE, SIDE, generator=generator(5))


@pytest.mark.parametrize("pupil", [0, OIL, len(PUPILS) - 1])
def test_with_light_in_one_plane_only_the_specimen_is_flat(pupil: int) -> None:
    stacks, theta = random_stacks(2), waves(2)
    stacks[:, [p for p in range(PLANES) if p != FOCUS]] = 0
    images = drawn(stacks, theta, pupil)
    psf = zernike_psf(theta, PUPILS_HERE.take(torch.full((2,), pupil)))
    shape = (SIZE - 30, SIZE - 30)
    flat = ConvolutionOperator(psf[:, None], shape).forward(images.focus)
    torch.testing.assert_close(images.blurred, flat, rtol=0, atol=2e-5)
    torch.testing.assert_close(images.focus[:, 0], stacks[:, FOCUS, 16:-16, 16:-16])


def test_a_specimen_thinner_than_the_slice_in_focus_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thick, "_THICKNESS", (0.2, 0.2))
    stacks, theta = random_stacks(2), waves(2)
    images = drawn(stacks, theta)
    psf = zernike_psf(theta, PUPILS_HERE.take(torch.full((2,), OIL)))
    flat = ConvolutionOperator(psf[:, None], (SIZE - 30, SIZE - 30)).forward(images.focus)
    torch.testing.assert_close(images.blurred, flat, rtol=0, atol=2e-5)


def test_a_thick_volume_shows_each_plane_as_thick_as_the_slice_that_it_stands_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Constant planes add up to the height of the specimen over that of the slice in focus, where no share is drawn."""
    monkeypatch.setattr(thick, "_THICKNESS", (0.75, 0.75))
    monkeypatch.setattr(thick, "draw_volumes", lambda n, side, z, g, device: torch.full((n, len(z), side, side), 0.1))
    images = drawn(torch.empty(0, PLANES, SIDE, SIDE), waves(40))
    brightness = images.blurred[..., 28:-28, 28:-28].mean((1, 2, 3))
    natural = (brightness - 0.1 * 1.5 / 0.5).abs() < 0.003
    assert 8 <= natural.sum() <= 32
    assert brightness[~natural].std() > 0.05


def test_light_is_conserved() -> None:
    """Specimens of constant planes are images of the constant that the share of light asks for, for any pupil."""
    levels = torch.tensor([0.1, 0.3, 0.2, 0.1, 0.3, 0.2, 0.1, 0.5, 0.3, 0.2, 0.1, 0.3, 0.4, 0.25, 0.15])
    stacks = levels[None, :, None, None].expand(6, -1, SIDE, SIDE).contiguous()
    # Zeros beyond the side would come in at the border: the middle has the whole PSF of all but the farthest planes.
    stacks[:, [0, 1, 2, -3, -2, -1]] = 0
    for pupil in (10, OIL, len(PUPILS) - 1):
        images = drawn(stacks, waves(6), pupil, seed=pupil)
        middle = images.blurred[..., 28:-28, 28:-28]
        flatness = middle.amax((1, 2, 3)) - middle.amin((1, 2, 3))
        assert (flatness < 0.04 * middle.mean((1, 2, 3))).all()
        assert (middle.mean((1, 2, 3)) >= 0.5 * 0.98).all()
        assert (middle.mean((1, 2, 3)) <= 0.5 * (1 + 30)).all()


def shares(images: ThickImages, theta: Tensor, pupil: int = OIL) -> Tensor:
    """Share of the light that is out of focus, (n,)."""
    psf = zernike_psf(theta, PUPILS_HERE.take(torch.full((len(theta),), pupil)))
    focus = ConvolutionOperator(psf[:, None], (SIZE - 30, SIZE - 30)).forward(images.focus)
    return 1 - focus.mean((1, 2, 3)) / images.blurred.mean((1, 2, 3))


def test_the_odds_of_light_to_be_out_of_focus_are_log_uniform() -> None:
    theta = waves(200)
    images = drawn(random_stacks(200), theta)
    found = shares(images, theta)
    torch.testing.assert_close(images.out_of_focus, found, rtol=0, atol=1e-3)
    odds = (found / (1 - found)).log() - math.log(0.05)
    span = math.log(30 / 0.05)
    assert -0.03 < odds.min() and odds.max() < span + 0.03
    assert odds.mean().item() == pytest.approx(span / 2, abs=4 * span / (12 * 200) ** 0.5)
    assert odds.quantile(0.1) < 0.2 * span and odds.quantile(0.9) > 0.8 * span


def test_specimens_are_deep_on_both_sides_as_often_as_on_one() -> None:
    reach = torch.tensor([thick._reach(generator(seed), CPU) for seed in range(400)])
    assert 0.25 <= reach.min() and reach.max() <= 7.5
    deep = reach > 5
    assert deep.float().mean().item() == pytest.approx(1 - (math.log(20) / math.log(30)) ** 2, abs=0.06)
    assert deep.all(1).float().mean() > 0.5 * deep.any(1).float().mean() * 0.8
    assert (reach[:, 0] == reach[:, 1]).float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_volumes_have_light_out_of_focus_of_their_own() -> None:
    """Of eight slabs, of which some are deep."""
    theta = waves(40)
    slabs = [drawn(torch.empty(0, PLANES, SIDE, SIDE), theta[:10], seed=seed) for seed in range(8)]
    found = torch.cat([shares(images, theta[:10]) for images in slabs])
    assert -1e-3 < found.min() and found.max() < 0.99
    assert found.quantile(0.2) < 0.7 and found.quantile(0.8) > 0.9
    images = drawn(torch.empty(0, PLANES, SIDE, SIDE), theta)
    assert images.focus.min() >= 0 and images.focus.max() <= 1
    assert images.focus.shape == (40, 1, SIZE, SIZE) and images.blurred.shape == (40, 1, SIZE - 30, SIZE - 30)


@pytest.mark.parametrize("pupil", [6, OIL])
def test_planes_are_the_broader_the_farther_they_are_from_focus(pupil: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thick, "_THICKNESS", (8.0, 8.0))
    stacks = torch.zeros(PLANES, PLANES, SIDE, SIDE)
    points = torch.arange(PLANES)
    stacks[points, points, SIDE // 2, SIDE // 2] = 1
    images = drawn(stacks, torch.zeros(PLANES, 12), pupil, seed=2).blurred[:, 0]
    image = images / images.sum((1, 2), keepdim=True)
    # Light that leaves the picture makes far planes look narrower than they are, never broader.
    peak = image.amax((1, 2))
    assert (peak[:FOCUS] < peak[1 : FOCUS + 1]).all() and (peak[FOCUS + 1 :] < peak[FOCUS:-1]).all()
    assert peak[FOCUS] > 1.5 * peak[[0, -1]].max()
    steps = torch.arange(image.shape[-1]) - image.shape[-1] // 2
    within = image[:, steps.abs() <= 3][..., steps.abs() <= 3].sum((1, 2))
    assert (within[:FOCUS] < within[1 : FOCUS + 1]).all() and (within[FOCUS + 1 :] < within[FOCUS:-1]).all()


def test_the_same_generator_makes_the_same_specimens() -> None:
    theta, stacks = waves(4), random_stacks(2)
    one, same, other = (drawn(stacks, theta, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.focus, same.focus) and torch.equal(one.blurred, same.blurred)
    # Of the other generator, volumes and shares differ.
    assert not torch.equal(one.focus[2:], other.focus[2:]) and not torch.equal(one.blurred, other.blurred)
    torch.testing.assert_close(one.focus[:2], other.focus[:2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_specimens_are_drawn_on_the_accelerator() -> None:
    device = torch.device("cuda")
    pupils, theta = Pupils(FC, MODES, 31, device), waves(4).to(device)
    psf = zernike_psf(theta, pupils.take(torch.full((4,), OIL, device=device)))
    stacks = random_stacks(2).to(device)
    images = draw_thick(stacks, theta, psf, OIL, MODES, FC, SIZE, torch.Generator(device).manual_seed(0))
    assert images.blurred.device.type == "cuda" and images.blurred.isfinite().all()
    torch.testing.assert_close(images.focus[:2, 0], stacks[:, FOCUS, 16:-16, 16:-16])


def test_near_planes_have_the_aberrations_and_the_light_of_the_plane_in_focus() -> None:
    """A point above the focus is the PSF of the same pupil at some distance, and not the one without aberrations."""
    stacks = torch.zeros(1, PLANES, SIDE, SIDE)
    stacks[0, FOCUS + 1, SIDE // 2, SIDE // 2] = 1
    theta = waves(1)
    image = drawn(stacks, theta).blurred[0, 0]
    model = thick._models(OIL, MODES, FC, CPU)[0]
    z = torch.linspace(0, 1.0 / (0.934 * FC), 100)

    def error(theta: Tensor) -> float:
        """Least relative squared error of the PSFs at all distances."""
        psfs = zernike_psf(theta.expand(len(z), -1), model, z)
        side = image.shape[-1]
        room = side // 2 - psfs.shape[-1] // 2
        full = torch.nn.functional.pad(psfs, (room, side - room - psfs.shape[-1]) * 2).flatten(1)
        gain = (full @ image.flatten()) / full.square().sum(1)
        return ((image.flatten() - gain[:, None] * full).square().sum(1) / image.square().sum()).min().item()

    assert error(theta) < 1e-3
    assert error(torch.zeros(1, 12)) > 0.05
