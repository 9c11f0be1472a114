"""Filaments: smooth random curves about a pixel wide, bright where they cross, as in a stained cytoskeleton."""

from __future__ import annotations

import math

import torch

from napari_deepblur.training.scenes.fields import haze, log_uniform, normal, uniform
from napari_deepblur.training.scenes.splat import splat_points, splat_volume

_STEP = 0.6
_MAX_FILAMENTS = 120
_IN_A_VOLUME = (20, 700)
_KNOT_SPACING = 24


def filaments(n: int, size: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw scenes of additive curved lines over a low background.

    The direction of a filament is a random walk whose steps are smoothed over 24 samples of 0.6 pixels. A scene has
    6 to 120 filaments of one to three strands half a pixel apart (1 to 2 pixels wide), often with a common direction,
    and its light saturates gently, 1 - exp(-light), as it piles up at crossings.

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
    y, x, cos, sin, light = _curves(n, size, (6, _MAX_FILAMENTS), generator, device)
    # Outer strands turn a line of one pixel into one of about two.
    width = uniform((n, 1, 1), generator, device)
    strands = [(0.0, 1.0 + 0.0 * width), (0.6, (width > 0.6).float()), (-0.6, (width > 0.8).float())]
    canvas = torch.zeros((n, size, size), device=device)
    for offset, share in strands:
        if bool((share > 0).any()):
            canvas += splat_points(
                (y + offset * cos).flatten(1), (x - offset * sin).flatten(1), (light * share).flatten(1), size
            )
    gain = log_uniform((n, 1, 1), generator, device, 1.0, 3.0)
    background = haze(n, size, 0.15, generator, device)
    return (background + (1 - background) * (1 - torch.exp(-gain * canvas))).clamp_(0, 1)


def filament_volumes(
    n: int, size: int, z: torch.Tensor, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Draw volumes of the same lines, each on a plane of its own or slowly climbing through them.

    Parameters
    ----------
    n, size, generator, device
        As in `filaments`.
    z : Tensor, shape (Z,)
        Heights of the planes in pixels, rising.

    Returns
    -------
    Tensor of float32, shape (n, Z, size, size)
        Planes in [0, 1].
    """
    y, x, _, _, light = _curves(n, size, _IN_A_VOLUME, generator, device)
    span = float(z[-1] - z[0])
    most, length = y.shape[1:]
    climb = uniform((n, 1, 1), generator, device) * 0.4 * normal((n, most, 1), generator, device)
    height = z[0] + span * uniform((n, most, 1), generator, device)
    height = height + climb * _STEP * (torch.arange(length, device=device) - length / 2)
    above = torch.bucketize(height.clamp(float(z[0]), float(z[-1])).contiguous(), z[1:-1].contiguous())
    plane = above + (height - z[above]) / (z[above + 1] - z[above])
    canvas = splat_volume(y.flatten(1), x.flatten(1), plane.flatten(1), light.flatten(1), size, len(z))
    gain = log_uniform((n, 1, 1, 1), generator, device, 1.0, 3.0)
    return 1 - torch.exp(-gain * canvas)


def _curves(
    n: int, size: int, number: tuple[int, int], generator: torch.Generator, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Positions y and x, direction (cos, sin) and light of the samples of each curve, (n, curves, samples)."""
    counts = log_uniform((n,), generator, device, *number)
    most = int(counts.max().ceil())
    knots = max(3, math.ceil(1.2 * size / (_STEP * _KNOT_SPACING)))
    alignment = uniform((n, 1), generator, device) ** 2
    common = 2 * math.pi * uniform((n, 1), generator, device)
    heading = common + (1 - alignment) * 2 * math.pi * uniform((n, most), generator, device)
    bend = log_uniform((n, most, 1), generator, device, 0.02, 0.35)
    turns = _smooth(bend * normal((n, most, knots), generator, device))
    direction = heading[..., None] + turns.cumsum(-1) * (1 / math.sqrt(_KNOT_SPACING))
    cos, sin = direction.cos(), direction.sin()

    start = uniform((2, n, most, 1), generator, device, -0.1 * size, 1.1 * size)
    run_y, run_x = sin.cumsum(-1) * _STEP, cos.cumsum(-1) * _STEP
    middle = run_y.shape[-1] // 2
    y = start[0] + run_y - run_y[..., middle : middle + 1]
    x = start[1] + run_x - run_x[..., middle : middle + 1]

    present = torch.arange(most, device=device) < counts[:, None]
    peak = log_uniform((n, most), generator, device, 0.2, 1.0) * present
    speckle = uniform((n, 1, 1), generator, device) * 0.8
    profile = 1 - speckle * _smooth(uniform((n, most, knots), generator, device))
    length = uniform((n, most, 1), generator, device, 0.2, 1.0)
    place = torch.linspace(-1, 1, profile.shape[-1], device=device).abs()
    light = _STEP * peak[..., None] * profile * (place < length)
    return y, x, cos, sin, light


def _smooth(knots: torch.Tensor) -> torch.Tensor:
    """Interpolate values at knots to samples along the curve, with a raised cosine between neighbours."""
    ramp = torch.arange(_KNOT_SPACING, device=knots.device) / _KNOT_SPACING
    weight = 0.5 - 0.5 * torch.cos(math.pi * ramp)
    left, right = knots[..., :-1, None], knots[..., 1:, None]
    return (left + (right - left) * weight).flatten(-2)
