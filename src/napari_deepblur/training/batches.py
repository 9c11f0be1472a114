"""Training batches: sharp scenes, fresh operators and fresh noise, generated on the training device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.networks.identification import Given
from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.operators.families import HIGHEST_AMPLITUDE
from napari_deepblur.optics import PsfModel, zernike_psf
from napari_deepblur.training.pool import draw_scenes
from napari_deepblur.training.pupils import Pupils, draw_pupils
from napari_deepblur.training.recipes import IdentificationRecipe, NoiseRange
from napari_deepblur.training.scenes import KINDS, SceneMaker, draw_procedural
from napari_deepblur.training.thick import ThickImages, draw_thick, planes_of_a_stack, stack_side


@dataclass(frozen=True)
class SceneSource:
    """Where sharp scenes come from.

    Attributes
    ----------
    bank
        Crops of sharp images, uint8, shape (N, S, S), on the training device.
    procedural_share
        Share of procedural scenes in a batch.
    kinds
        Of procedural scenes.
    """

    bank: Tensor
    procedural_share: float
    kinds: Mapping[str, tuple[SceneMaker, float]] = field(default_factory=lambda: KINDS)

    def draw(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw `n` scenes in [0, 1], shape (n, 1, size, size)."""
        wanted = self.procedural_share * n
        chance = torch.rand((), generator=generator, device=generator.device).item()
        procedural = math.floor(wanted) + int(chance < wanted % 1)
        parts = []
        if procedural:
            parts.append(draw_procedural(procedural, size, generator, self.bank.device, self.kinds))
        if procedural < n:
            parts.append(draw_scenes(self.bank, n - procedural, size, generator))
        return torch.cat(parts)


class Batch(NamedTuple):
    """Degraded images with everything that is known about them.

    Attributes
    ----------
    scene
        Sharp scenes, shape (B, 1, H + k - 1, W + k - 1), in the units of the image.
    image
        Blurred images of peak one with noise, shape (B, 1, H, W).
    psf
        True point spread functions, shape (B, k, k).
    theta
        True coefficients in waves, shape (B, K).
    amplitude
        What the network is told about the size of each coefficient (`Given.amplitude`), shape (B, K).
    noise
        alpha and beta, shape (B, 2).
    stated
        Whether that amplitude is the box that the coefficients were drawn from (`Given.stated`), shape (B, 1).
    polarization
        Of the pupil, shape (B, 1).
    pupil
        Index of `PUPILS`, shape (B,).
    thick
        Whether the specimen has depth, shape (B,); all of these have the same pupil.
    out_of_focus
        Share of the light that is from planes out of focus, shape (B,).
    """

    scene: Tensor
    image: Tensor
    psf: Tensor
    theta: Tensor
    amplitude: Tensor
    noise: Tensor
    stated: Tensor
    polarization: Tensor
    pupil: Tensor
    thick: Tensor
    out_of_focus: Tensor

    @property
    def given(self) -> Given:
        """What an identification network is told."""
        return Given(self.noise, self.amplitude, self.stated, self.polarization)


class Waves(NamedTuple):
    """Coefficients, and what is said about their size.

    Attributes
    ----------
    theta, amplitude
        Shape (n, K), in waves.
    stated
        Shape (n, 1).
    """

    theta: Tensor
    amplitude: Tensor
    stated: Tensor


def draw_batch(source: SceneSource, recipe: IdentificationRecipe, pupils: Pupils, generator: torch.Generator) -> Batch:
    """Draw one training batch: y = P(A(theta) x), with scene, pupil, theta and the noise level all fresh."""
    n, device = recipe.schedule.batch_size, source.bank.device
    waves = draw_waves(recipe, n, generator, device)
    noise = draw_noise_levels(recipe.noise, n, generator, device)
    pupil = draw_pupils(n, generator, device)
    size = recipe.image_size + pupils.size - 1
    wanted = recipe.thick_share * n
    thick = math.floor(wanted) + int(torch.rand((), generator=generator, device=device).item() < wanted % 1)
    # One objective for all thick specimens of a batch: their PSFs out of focus are shared.
    pupil[n - thick :] = pupil[-1]
    psf = zernike_psf(waves.theta, pupils.take(pupil))
    parts = []
    out_of_focus = torch.zeros(n, device=device)
    if thick < n:
        scene = source.draw(n - thick, size, generator)
        parts.append((scene, _blurred(scene, psf[: n - thick])))
    if thick:
        images = draw_specimens(
            source, waves.theta[n - thick :], psf[n - thick :], int(pupil[-1]), recipe, pupils, generator
        )
        parts.append((images.focus, images.blurred))
        out_of_focus[n - thick :] = images.out_of_focus
    scene, blurred = (torch.cat(values) for values in zip(*parts, strict=True))
    scene, image = exposed(scene, blurred, noise, generator)
    deep = torch.arange(n, device=device) >= n - thick
    told = pupils.polarization[pupil]
    return Batch(scene, image, psf, waves.theta, waves.amplitude, noise, waves.stated, told, pupil, deep, out_of_focus)


def draw_specimens(
    source: SceneSource,
    theta: Tensor,
    psf: Tensor,
    pupil: int,
    recipe: IdentificationRecipe,
    pupils: Pupils,
    generator: torch.Generator,
) -> ThickImages:
    """Draw specimens with depth (`draw_thick`), the flat half of them from `source`."""
    size = recipe.image_size + pupils.size - 1
    flat, planes, side = (len(theta) + 1) // 2, planes_of_a_stack(), stack_side(size)
    # Out of focus, procedural scenes look like any others, and take longer.
    stacks = draw_scenes(source.bank, flat * planes, side, generator).view(flat, planes, side, side)
    stacks[:, planes // 2] = source.draw(flat, side, generator)[:, 0]
    return draw_thick(stacks, theta, psf, pupil, recipe.network.modes, pupils.cutoff, size, generator)


def degrade(
    scene: Tensor,
    theta: Tensor,
    amplitude: Tensor,
    noise: Tensor,
    optics: PsfModel,
    generator: torch.Generator,
    polarization: Tensor | None = None,
) -> Batch:
    """Blur and spoil given flat scenes with given coefficients of a stated amplitude, and given noise levels."""
    psf = zernike_psf(theta, optics)
    scene, image = exposed(scene, _blurred(scene, psf), noise, generator)
    stated = torch.ones_like(theta[:, :1])
    told = torch.zeros_like(stated) if polarization is None else polarization
    nowhere = torch.full((len(theta),), -1, device=theta.device)
    flat, nothing = torch.zeros_like(nowhere, dtype=torch.bool), torch.zeros(len(theta), device=theta.device)
    return Batch(scene, image, psf, theta, amplitude, noise, stated, told, nowhere, flat, nothing)


def _blurred(scene: Tensor, psf: Tensor) -> Tensor:
    shape = (scene.shape[-2] - psf.shape[-2] + 1, scene.shape[-1] - psf.shape[-1] + 1)
    return ConvolutionOperator(psf[:, None], shape).forward(scene)


def exposed(scene: Tensor, blurred: Tensor, noise: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return scenes in the units of images of peak one, and these images with noise."""
    # The pipeline stretches every image it sees to [0, 1]; sparse scenes would come out dark here.
    gain = 1 / blurred.amax(dim=(-3, -2, -1), keepdim=True).clamp_min(0.02)
    return gain * scene, sample_noise(gain * blurred, noise[:, 0], noise[:, 1], generator)


def draw_waves(recipe: IdentificationRecipe, n: int, generator: torch.Generator, device: torch.device) -> Waves:
    """Draw coefficients with an amplitude that is stated or not, for the paper's modes, the usual ones, or all."""
    modes = torch.tensor(recipe.network.modes, device=device)
    draws = torch.rand((4, n, 1), generator=generator, device=device)
    low, high = recipe.amplitude
    stated = (draws[0] < recipe.stated_share).float()
    in_paper = stated.bool() & (draws[1] < recipe.paper_share)
    last = torch.where(in_paper | (draws[2] < 0.3), 10, torch.where(draws[2] < 0.65, 11, 15))
    active = (modes <= last).float()
    # As likely in each octave, so that a good objective is no surprise.
    size = torch.where(in_paper, 0.15, low * (high / low) ** draws[3])
    theta = active * size * (2 * torch.rand((n, len(modes)), generator=generator, device=device) - 1)
    return Waves(theta, active * torch.where(stated.bool(), size, HIGHEST_AMPLITUDE), stated)


def draw_noise_levels(levels: NoiseRange, n: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Noise parameters (n, 2), log-uniform in the range or none."""
    draws = torch.rand((3, n), generator=generator, device=device)
    low = torch.tensor([levels.alpha[0], levels.beta[0]], device=device).log()
    high = torch.tensor([levels.alpha[1], levels.beta[1]], device=device).log()
    noise = (low + (high - low) * draws[:2].T).exp()
    return torch.where(draws[2, :, None] < levels.none, 0.0, noise)
