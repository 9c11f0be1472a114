"""Training batches: sharp scenes, fresh operators and fresh noise, generated on the training device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import PsfModel, zernike_psf
from napari_deepblur.training.pool import draw_scenes
from napari_deepblur.training.recipes import IdentificationRecipe, NoiseRange
from napari_deepblur.training.scenes import draw_procedural


@dataclass(frozen=True)
class SceneSource:
    """Where sharp scenes come from.

    Attributes
    ----------
    bank
        Crops of sharp images, uint8, shape (N, S, S), on the training device.
    procedural_share
        Share of procedural scenes in a batch.
    """

    bank: Tensor
    procedural_share: float

    def draw(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw `n` scenes in [0, 1], shape (n, 1, size, size)."""
        wanted = self.procedural_share * n
        chance = torch.rand((), generator=generator, device=generator.device).item()
        procedural = math.floor(wanted) + int(chance < wanted % 1)
        parts = []
        if procedural:
            parts.append(draw_procedural(procedural, size, generator, self.bank.device))
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
        Half-width of the box that each coefficient was drawn from, shape (B, K).
    noise
        alpha and beta, shape (B, 2).
    """

    scene: Tensor
    image: Tensor
    psf: Tensor
    theta: Tensor
    amplitude: Tensor
    noise: Tensor


def draw_batch(
    source: SceneSource, recipe: IdentificationRecipe, optics: PsfModel, generator: torch.Generator
) -> Batch:
    """Draw one training batch: y = P(A(theta) x), with x, theta and the noise level all fresh."""
    n, device = recipe.schedule.batch_size, source.bank.device
    amplitude = draw_amplitudes(recipe, n, generator, device)
    theta = amplitude * (2 * torch.rand(amplitude.shape, generator=generator, device=device) - 1)
    noise = draw_noise_levels(recipe.noise, n, generator, device)
    scene = source.draw(n, recipe.image_size + optics.size - 1, generator)
    return degrade(scene, theta, amplitude, noise, optics, generator)


def degrade(
    scene: Tensor, theta: Tensor, amplitude: Tensor, noise: Tensor, optics: PsfModel, generator: torch.Generator
) -> Batch:
    """Blur and spoil given scenes with given coefficients and noise levels."""
    psf = zernike_psf(theta, optics)
    shape = (scene.shape[-2] - optics.size + 1, scene.shape[-1] - optics.size + 1)
    blurred = ConvolutionOperator(psf[:, None], shape).forward(scene)
    # The pipeline stretches every image it sees to [0, 1]; sparse scenes would come out dark here.
    gain = 1 / blurred.amax(dim=(-3, -2, -1), keepdim=True).clamp_min(0.02)
    scene, blurred = gain * scene, gain * blurred
    image = sample_noise(blurred, noise[:, 0], noise[:, 1], generator)
    return Batch(scene, image, psf, theta, amplitude, noise)


def draw_amplitudes(recipe: IdentificationRecipe, n: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Half-widths (n, K) of the boxes that coefficients are drawn from: the paper's, or all modes."""
    modes = torch.tensor(recipe.network.modes, device=device)
    draws = torch.rand((2, n, 1), generator=generator, device=device)
    low, high = recipe.amplitude
    everywhere = torch.where(draws[0] < 0.5 + recipe.paper_share / 2, 0.15, low + (high - low) * draws[1])
    in_paper = (modes <= 10).float() * 0.15
    return torch.where(draws[0] < recipe.paper_share, in_paper, everywhere.expand(n, len(modes)))


def draw_noise_levels(levels: NoiseRange, n: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Noise parameters (n, 2), log-uniform in the range or none."""
    draws = torch.rand((3, n), generator=generator, device=device)
    low = torch.tensor([levels.alpha[0], levels.beta[0]], device=device).log()
    high = torch.tensor([levels.alpha[1], levels.beta[1]], device=device).log()
    noise = (low + (high - low) * draws[:2].T).exp()
    return torch.where(draws[2, :, None] < levels.none, 0.0, noise)
