"""Textures: 1/f noise, warped gratings, and noise cut at a level into islands and labyrinths."""

from __future__ import annotations

import math

import torch

from napari_deepblur.training.scenes.fields import (
    band_field,
    cloud_field,
    log_uniform,
    power_law_field,
    sharp_threshold,
    uniform,
)


def textures(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw scenes that are texture everywhere, of one of three kinds each, half of them shaded by a cloud.

    Parameters
    ----------
    n : int
        Number of scenes.
    size : int
        Their side, pixels.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the scenes live.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        Scenes in [0, 1].
    """
    kinds = (uniform((n,), generator, device) * 3).long().tolist()
    makers = (_noise, _grating, _islands)
    parts = [makers[kind](kinds.count(kind), size, generator, device) for kind in sorted(set(kinds))]
    scenes = torch.cat(parts)
    order = sorted(range(n), key=lambda position: kinds[position])
    scenes = torch.empty_like(scenes).index_copy_(0, torch.tensor(order, device=device), scenes)
    cloud = cloud_field(n, size, size / 4, generator, device)
    depth = (uniform((n, 1, 1), generator, device) - 0.5).clamp_(min=0)
    return (scenes * (1 - depth * (1 + cloud).clamp_(0, 1.5))).clamp_(0, 1)


def _noise(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Gaussian noise with an amplitude spectrum between f^-0.3 and f^-1.5."""
    fall = uniform((n,), generator, device, 0.3, 1.5)
    field = power_law_field(n, size, fall, torch.full((n,), 0.01, device=device), generator)
    return 0.5 + field * uniform((n, 1, 1), generator, device, 0.08, 0.25)


def _grating(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Stripes of period 3 to 24 pixels with a bent phase, square or else sinusoidal, often crossed by others."""
    scenes = _stripes(n, size, generator, device)
    second = _stripes(n, size, generator, device)
    share = (uniform((n, 1, 1), generator, device) > 0.5).float()
    return scenes * (1 - share * second)


def _stripes(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw one set of stripes, between 0 and 1."""
    steps = torch.arange(size, device=device, dtype=torch.float32)
    period = log_uniform((n, 1, 1), generator, device, 3.0, 24.0)
    angle = 2 * math.pi * uniform((n, 1, 1), generator, device)
    bend = power_law_field(
        n, size, torch.full((n,), 3.0, device=device), torch.full((n,), 0.006, device=device), generator
    )
    along = steps[:, None] * angle.sin() + steps * angle.cos()
    turns = along / period + bend * uniform((n, 1, 1), generator, device) ** 2 * 1.5
    wave = torch.sin(2 * math.pi * turns)
    # Divided by its slope at the zero crossing, the sine becomes a distance in pixels, and the edge one pixel wide.
    square = (0.5 + (wave - uniform((n, 1, 1), generator, device, -0.7, 0.7)) * period / (2 * math.pi)).clamp_(0, 1)
    # A long sine has no detail at all, and would teach nothing about a blur.
    sharp = (uniform((n, 1, 1), generator, device) < 0.5) | (period > 8)
    return torch.where(sharp, square, 0.5 + 0.5 * wave)


def _islands(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Smooth noise cut at a level: islands, or labyrinths where its frequencies lie in a narrow ring."""
    frequency = log_uniform((n,), generator, device, 0.01, 0.12)
    width = frequency * uniform((n,), generator, device, 0.1, 1.0)
    mask = sharp_threshold(
        band_field(n, size, frequency, width, generator), uniform((n,), generator, device, -0.8, 1.2)
    )
    fall = torch.full((n,), 1.0, device=device)
    grain = power_law_field(n, size, fall, 0.02 * fall, generator) * uniform((n, 1, 1), generator, device, 0, 0.1)
    low, high = uniform((n, 1, 1), generator, device, 0, 0.4), uniform((n, 1, 1), generator, device, 0.5, 1)
    return low + (high - low) * mask + grain * (0.3 + mask)
