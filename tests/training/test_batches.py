from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import Pupil, psf_model, zernike_psf
from napari_deepblur.training.batches import (
    Batch,
    SceneSource,
    degrade,
    draw_amplitudes,
    draw_batch,
    draw_noise_levels,
)
from napari_deepblur.training.recipes import IDENTIFICATION, NoiseRange, Schedule

CPU = torch.device("cpu")
OPTICS = psf_model(Pupil(0.25), IDENTIFICATION["light"].network.modes, 15)
RECIPE = dataclasses.replace(IDENTIFICATION["light"], schedule=Schedule(samples=12, batch_size=6), image_size=64)
BANK = torch.randint(0, 256, (5, 90, 90), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(seed: int = 0, share: float = 0.25) -> Batch:
    return draw_batch(SceneSource(BANK, share), RECIPE, OPTICS, generator(seed))


def test_a_batch_is_decided_by_its_generator() -> None:
    first, again, other = batch(1), batch(1), batch(2)
    for one, same, different in zip(first, again, other, strict=True):
        assert torch.equal(one, same)
        assert one.shape == different.shape
    assert not torch.equal(first.theta, other.theta) and not torch.equal(first.scene, other.scene)


def test_batches_of_one_generator_are_fresh() -> None:
    stream, source = generator(), SceneSource(BANK, 0.25)
    first, second = (draw_batch(source, RECIPE, OPTICS, stream) for _ in range(2))
    assert not torch.equal(first.theta, second.theta) and not torch.equal(first.noise, second.noise)


def test_global_generators_are_not_touched() -> None:
    before = torch.get_rng_state()
    batch()
    assert torch.equal(torch.get_rng_state(), before)


def test_shapes_and_ranges() -> None:
    drawn = batch()
    assert drawn.scene.shape == (6, 1, 78, 78) and drawn.image.shape == (6, 1, 64, 64)
    assert drawn.psf.shape == (6, 15, 15) and drawn.noise.shape == (6, 2)
    assert drawn.theta.shape == drawn.amplitude.shape == (6, 8)
    assert drawn.scene.min() >= 0
    blurred = ConvolutionOperator(drawn.psf[:, None], (64, 64)).forward(drawn.scene)
    torch.testing.assert_close(blurred.amax((1, 2, 3)), torch.ones(6))
    assert (drawn.theta.abs() <= drawn.amplitude).all()
    torch.testing.assert_close(drawn.psf, zernike_psf(drawn.theta, OPTICS))


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
    theta = torch.full((n, 8), 0.08)
    spoiled = degrade(scene, theta, torch.full((n, 8), 0.15), noise, OPTICS, generator(5))
    blurred = ConvolutionOperator(zernike_psf(theta[:1], OPTICS)[:, None], (32, 32)).forward(scene[:1])
    torch.testing.assert_close(spoiled.scene[-1:], scene[:1] / blurred.max())
    return spoiled, blurred / blurred.max()


def test_without_noise_the_image_is_the_blurred_scene() -> None:
    spoiled, blurred = known(torch.zeros(2, 2))
    torch.testing.assert_close(spoiled.image, blurred.expand(2, -1, -1, -1), rtol=0, atol=1e-5)


def test_a_black_scene_stays_black() -> None:
    black, level = torch.zeros(1, 1, 46, 46), torch.zeros(1, 2)
    spoiled = degrade(black, torch.zeros(1, 8), torch.zeros(1, 8), level, OPTICS, generator())
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


def test_amplitudes_are_the_paper_s_or_all_modes() -> None:
    n = 4000
    amplitude = draw_amplitudes(RECIPE, n, generator(), CPU)
    spherical_off = amplitude[:, -1] == 0
    assert spherical_off.float().mean().item() == pytest.approx(RECIPE.paper_share, abs=0.03)
    assert (amplitude[spherical_off, :-1] == 0.15).all()
    everywhere = amplitude[~spherical_off]
    assert (everywhere == everywhere[:, :1]).all()
    default = everywhere[:, 0] == 0.15
    assert default.float().mean().item() == pytest.approx(0.5, abs=0.04)
    low, high = RECIPE.amplitude
    others = everywhere[~default, 0]
    assert low <= others.min() < low + 0.01 and high - 0.01 < others.max() <= high


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
