from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import zernike_psf
from napari_deepblur.training.batches import (
    Batch,
    SceneSource,
    degrade,
    draw_batch,
    draw_noise_levels,
    draw_waves,
)
from napari_deepblur.training.pupils import PUPILS, Pupils
from napari_deepblur.training.recipes import IDENTIFICATION, NoiseRange, Schedule

CPU = torch.device("cpu")
MODES = IDENTIFICATION["light"].network.modes
K = len(MODES)
PUPILS_HERE = Pupils(0.25, MODES, 15, CPU)
OIL = PUPILS_HERE.take(torch.tensor([PUPILS.index((0.934, "vectorial"))]))
RECIPE = dataclasses.replace(IDENTIFICATION["light"], schedule=Schedule(samples=12, batch_size=6), image_size=64)
BANK = torch.randint(0, 256, (5, 120, 120), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(seed: int = 0, share: float = 0.25, **changes: float) -> Batch:
    return draw_batch(SceneSource(BANK, share), dataclasses.replace(RECIPE, **changes), PUPILS_HERE, generator(seed))


def test_a_batch_is_decided_by_its_generator() -> None:
    first, again, other = batch(1), batch(1), batch(2)
    for one, same, different in zip(first, again, other, strict=True):
        assert torch.equal(one, same)
        assert one.shape == different.shape
    assert not torch.equal(first.theta, other.theta) and not torch.equal(first.scene, other.scene)


def test_batches_of_one_generator_are_fresh() -> None:
    stream, source = generator(), SceneSource(BANK, 0.25)
    first, second = (draw_batch(source, RECIPE, PUPILS_HERE, stream) for _ in range(2))
    assert not torch.equal(first.theta, second.theta) and not torch.equal(first.noise, second.noise)


def test_global_generators_are_not_touched() -> None:
    before = torch.get_rng_state()
    batch()
    assert torch.equal(torch.get_rng_state(), before)


def test_shapes_and_ranges() -> None:
    drawn = batch()
    assert drawn.scene.shape == (6, 1, 78, 78) and drawn.image.shape == (6, 1, 64, 64)
    assert drawn.psf.shape == (6, 15, 15) and drawn.noise.shape == (6, 2)
    assert drawn.theta.shape == drawn.amplitude.shape == (6, K)
    assert drawn.scene.min() >= 0
    assert (drawn.theta.abs() <= drawn.amplitude).all()
    torch.testing.assert_close(drawn.psf, zernike_psf(drawn.theta, PUPILS_HERE.take(drawn.pupil)))


def test_flat_images_are_their_scenes_blurred_by_their_own_pupil() -> None:
    """In units in which the image without noise has the peak one."""
    drawn = batch(thick_share=0.0)
    assert not drawn.thick.any() and len(drawn.pupil.unique()) > 2
    blurred = ConvolutionOperator(drawn.psf[:, None], (64, 64)).forward(drawn.scene)
    torch.testing.assert_close(blurred.amax((1, 2, 3)), torch.ones(6))


def test_specimens_with_depth_have_light_from_elsewhere() -> None:
    """Their scene is the plane in focus, which explains a part of the light; all have one objective."""
    drawn = batch(thick_share=1.0)
    assert drawn.thick.all() and len(drawn.pupil.unique()) == 1
    torch.testing.assert_close(drawn.psf, zernike_psf(drawn.theta, PUPILS_HERE.take(drawn.pupil)))
    quiet = draw_batch(
        SceneSource(BANK, 0.25),
        dataclasses.replace(RECIPE, thick_share=1.0, noise=NoiseRange(none=1.0)),
        PUPILS_HERE,
        generator(),
    )
    focus = ConvolutionOperator(quiet.psf[:, None], (64, 64)).forward(quiet.scene)
    torch.testing.assert_close(quiet.image.amax((1, 2, 3)), torch.ones(6))
    elsewhere = (quiet.image - focus).mean((1, 2, 3))
    assert elsewhere.min() > -1e-3 and (elsewhere > 0.02).sum() >= 3


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_share_of_specimens_with_depth(share: float) -> None:
    stream, recipe = generator(3), dataclasses.replace(RECIPE, thick_share=share, image_size=32)
    counts = [draw_batch(SceneSource(BANK, 0.0), recipe, PUPILS_HERE, stream).thick.sum().item() for _ in range(24)]
    # 6 images a batch: 1.5 are one or two by chance, 3 are 3.
    assert {*counts} <= {math.floor(6 * share), math.ceil(6 * share)}
    assert sum(counts) / len(counts) == pytest.approx(6 * share, abs=0.35)


def test_the_network_is_told_what_the_batch_knows() -> None:
    drawn = batch(4)
    given = drawn.given
    assert torch.equal(given.noise, drawn.noise) and torch.equal(given.amplitude, drawn.amplitude)
    assert torch.equal(given.stated, drawn.stated)
    lights = [PUPILS[index] for index in drawn.pupil.tolist()]
    expected = [aperture if light == "vectorial" else 0.0 for aperture, light in lights]
    assert given.polarization[:, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_procedural_scenes(share: float) -> None:
    # Scenes of a black bank have no texture at all, procedural ones do.
    source = SceneSource(torch.zeros(2, 64, 64, dtype=torch.uint8), share)
    stds = torch.cat([source.draw(4, 48, generator(seed)).std((1, 2, 3)) for seed in range(3)])
    assert (stds > 1e-3).float().mean().item() == pytest.approx(share, abs=0.01)


def test_a_fractional_share_is_met_on_average() -> None:
    source = SceneSource(torch.zeros(2, 64, 64, dtype=torch.uint8), 0.1)
    stream = generator()
    counts = [(source.draw(2, 32, stream).std((1, 2, 3)) > 1e-3).sum().item() for _ in range(60)]
    # 0.2 scenes a batch: 12 expected in 60 batches, with a standard deviation of 3.1.
    assert 2 <= sum(counts) <= 24 and max(counts) == 1


def known(noise: Tensor) -> tuple[Batch, Tensor]:
    """Degrade one known scene once for each noise level; also returns the noiseless image, of peak one."""
    n = len(noise)
    scene = 0.3 * torch.rand(1, 1, 46, 46, generator=generator()).expand(n, -1, -1, -1)
    theta = torch.full((n, K), 0.06)
    optics = PUPILS_HERE.take(torch.full((n,), PUPILS.index((0.934, "vectorial"))))
    spoiled = degrade(scene, theta, torch.full((n, K), 0.15), noise, optics, generator(5))
    blurred = ConvolutionOperator(zernike_psf(theta[:1], OIL)[:, None], (32, 32)).forward(scene[:1])
    torch.testing.assert_close(spoiled.scene[-1:], scene[:1] / blurred.max())
    return spoiled, blurred / blurred.max()


def test_without_noise_the_image_is_the_blurred_scene() -> None:
    spoiled, blurred = known(torch.zeros(2, 2))
    torch.testing.assert_close(spoiled.image, blurred.expand(2, -1, -1, -1), rtol=0, atol=1e-5)


def test_a_black_scene_stays_black() -> None:
    black, level = torch.zeros(1, 1, 46, 46), torch.zeros(1, 2)
    spoiled = degrade(black, torch.zeros(1, K), torch.zeros(1, K), level, OIL, generator())
    assert torch.equal(spoiled.image, torch.zeros(1, 1, 32, 32))


@pytest.mark.parametrize(("alpha", "beta"), [(0.01, 0.0), (0.0, 0.05), (0.004, 0.02)])
def test_the_noise_has_the_variance_of_the_model(alpha: float, beta: float) -> None:
    n = 400
    spoiled, blurred = known(torch.tensor([[alpha, beta]]).expand(n, 2))
    noise = spoiled.image - blurred
    expected = (alpha * blurred + beta**2)[0]
    assert (noise.mean(0).abs() < 6 * (expected / n).sqrt()).all()
    ratio = noise.var(0) / expected
    # Each variance is known to sqrt(2 / n), their mean over 1024 pixels 32 times better.
    assert ratio.mean().item() == pytest.approx(1, abs=0.01)
    assert ratio.min() > 0.6 and ratio.max() < 1.5


def last_modes(amplitude: Tensor) -> Tensor:
    """Return the highest Noll index that is switched on, shape (n,)."""
    return (torch.tensor(MODES) * (amplitude > 0)).amax(1)


def test_amplitudes_are_stated_for_the_share_of_the_recipe() -> None:
    n = 6000
    waves = draw_waves(RECIPE, n, generator(), CPU)
    stated = waves.stated[:, 0].bool()
    assert stated.float().mean().item() == pytest.approx(RECIPE.stated_share, abs=4 * 0.5 / n**0.5)
    largest = waves.amplitude.amax(1)
    # Where nothing is stated the widest box is told, whatever the size is.
    assert (largest[~stated] == 0.3).all()
    paper = stated & (largest == 0.15)
    assert (last_modes(waves.amplitude)[paper] == 10).all()
    assert paper[stated].float().mean().item() == pytest.approx(RECIPE.paper_share, abs=0.04)
    low, high = RECIPE.amplitude
    others = largest[stated & ~paper]
    assert low <= others.min() < 1.05 * low and 0.95 * high < others.max() <= high
    # As likely in each octave: half lie below the geometric mean, and a quarter below its square root to the lowest.
    for share in (0.25, 0.5, 0.75):
        below = (others < low * (high / low) ** share).float().mean().item()
        assert below == pytest.approx(share, abs=0.05)


def test_the_modes_are_the_paper_s_the_usual_ones_or_all() -> None:
    waves = draw_waves(RECIPE, 6000, generator(1), CPU)
    unstated = waves.stated[:, 0] == 0
    last = last_modes(waves.amplitude)[unstated]
    for mode, share in ((10, 0.3), (11, 0.35), (15, 0.35)):
        assert (last == mode).float().mean().item() == pytest.approx(share, abs=0.04)
    off = waves.amplitude == 0
    assert (waves.theta[off] == 0).all() and (waves.theta[~off] != 0).all()
    # All modes below the last one are there.
    assert ((~off).sum(1) == last_modes(waves.amplitude) - 3).all()


def test_coefficients_are_uniform_in_their_box_and_of_every_size_where_nothing_is_stated() -> None:
    waves = draw_waves(RECIPE, 12_000, generator(2), CPU)
    stated, on = waves.stated[:, 0].bool(), waves.amplitude > 0
    share = (waves.theta / waves.amplitude.clamp_min(1e-9))[stated[:, None] & on]
    assert share.abs().max() <= 1
    assert share.mean().item() == pytest.approx(0, abs=0.01)
    assert share.std().item() == pytest.approx(3**-0.5, abs=0.01)
    # Unstated: the size is log-uniform, so that its logarithm, known up to the largest of so many draws, is uniform.
    full = ~stated & on[:, -1]
    size = waves.theta[full].abs().amax(1).log() + 1 / K
    low, high = (torch.tensor(value).log().item() for value in RECIPE.amplitude)
    assert size.mean().item() == pytest.approx((low + high) / 2, abs=0.07)
    assert size.std().item() == pytest.approx((high - low) / 12**0.5, abs=0.05)


def test_the_same_generator_draws_the_same_waves() -> None:
    one, same, other = (draw_waves(RECIPE, 20, generator(seed), CPU) for seed in (0, 0, 1))
    assert all(map(torch.equal, one, same)) and not torch.equal(one.theta, other.theta)


def test_noise_levels_are_log_uniform_or_none() -> None:
    levels = draw_noise_levels(NoiseRange(alpha=(1e-4, 1e-2), beta=(1e-3, 1e-1), none=0.25), 4000, generator(), CPU)
    none = (levels == 0).all(1)
    assert none.float().mean().item() == pytest.approx(0.25, abs=0.03)
    noisy = levels[~none]
    assert (noisy > 0).all()
    for column, low, high in ((0, 1e-4, 1e-2), (1, 1e-3, 1e-1)):
        values = noisy[:, column]
        assert low <= values.min() and values.max() <= high * 1.0001
        # Half of the values lie below the geometric mean.
        assert (values < (low * high) ** 0.5).float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert torch.corrcoef(noisy.log().T)[0, 1].abs() < 0.06
