"""Procedural specimens with depth: planes of one volume, of which the camera focuses on one."""

from __future__ import annotations

from collections.abc import Callable

import torch

from napari_deepblur.training.scenes.fields import cloud_field, haze, log_uniform, uniform
from napari_deepblur.training.scenes.filaments import filament_volumes
from napari_deepblur.training.scenes.splat import splat_volume

VolumeMaker = Callable[[int, int, torch.Tensor, torch.Generator, torch.device], torch.Tensor]

_MOST_POINTS = 1 / 20
"""Points on a pixel of the field, all planes together."""


def draw_volumes(n: int, size: int, z: torch.Tensor, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw volumes of random kinds: filaments, spots, nuclei with texture, membranes; sparse and dense ones.

    Parameters
    ----------
    n : int
        Number of volumes.
    size : int
        Side of their planes, pixels.
    z : Tensor, shape (Z,)
        Heights of the planes in pixels, rising; structures are as long across the planes as along them.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the volumes live.

    Returns
    -------
    Tensor of float32, shape (n, Z, size, size)
        Planes in [0, 1].
    """
    kinds = (uniform((n,), generator, device) * len(VOLUMES)).long().clamp(max=len(VOLUMES) - 1).tolist()
    volumes = torch.empty((n, len(z), size, size), device=device)
    for kind, maker in enumerate(VOLUMES):
        members = [index for index in range(n) if kinds[index] == kind]
        if members:
            volumes[members] = maker(len(members), size, z, generator, device)
    # A little everywhere, all planes together; the rest of the haze is what they show out of focus.
    dim = haze(n, size, 0.06, generator, device)[:, None] / len(z)
    return dim + (1 - dim) * volumes


def spot_volumes(n: int, size: int, z: torch.Tensor, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw points of different brightness anywhere in the volume; arguments as in `draw_volumes`."""
    most = max(8, round(size * size * _MOST_POINTS))
    counts = log_uniform((n, 1), generator, device, max(4, most / 20), most)
    span = log_uniform((n, 1), generator, device, 1.5, 30.0)
    present = torch.arange(most, device=device) < counts
    brightness = span ** -uniform((n, most), generator, device) * present
    y, x, plane = uniform((3, n, most), generator, device)
    # Even in height, not in the number of the plane.
    height = z[0] + (z[-1] - z[0]) * plane
    above = torch.bucketize(height.contiguous(), z[1:-1].contiguous())
    plane = above + (height - z[above]) / (z[above + 1] - z[above])
    return splat_volume(y * size, x * size, plane, 1.5 * brightness, size, len(z)).clamp_(0, 1)


def nucleus_volumes(
    n: int, size: int, z: torch.Tensor, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Draw closed bodies with a sharp border, mottled inside; arguments as in `draw_volumes`."""
    radius = float(log_uniform((), generator, device, 6.0, size / 8))
    shape = _solid_field(n, size, radius, z, generator, device)
    level = uniform((n, 1, 1, 1), generator, device, 0.2, 1.4)
    inside = _steepness(shape).mul_(shape - level).add_(0.5).clamp_(0, 1)
    grain = _solid_field(
        n, size, max(2.0, radius / float(uniform((), generator, device, 2.0, 6.0))), z, generator, device
    )
    amount = uniform((n, 1, 1, 1), generator, device, 0.0, 0.45)
    return grain.mul_(amount).add_(1).clamp_(min=0).mul_(inside).mul_(0.55).clamp_(0, 1)


def membrane_volumes(
    n: int, size: int, z: torch.Tensor, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Draw thin closed surfaces, which a plane cuts in lines one or two pixels wide; arguments as in `draw_volumes`."""
    radius = float(log_uniform((), generator, device, 6.0, size / 8))
    shape = _solid_field(n, size, radius, z, generator, device)
    level = uniform((n, 1, 1, 1), generator, device, -0.3, 1.2)
    half = uniform((n, 1, 1, 1), generator, device, 0.5, 1.2)
    from_surface = shape.sub(level)
    surface = _steepness(shape).mul_(from_surface.abs()).neg_().add_(0.5 + half).clamp_(0, 1)
    filling = uniform((n, 1, 1, 1), generator, device, 0.0, 0.25) * (from_surface > 0)
    return surface.mul_(0.8).add_(filling).clamp_(0, 1)


VOLUMES: tuple[VolumeMaker, ...] = (filament_volumes, spot_volumes, nucleus_volumes, membrane_volumes)


def _solid_field(
    n: int, size: int, scale: float, z: torch.Tensor, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Smooth Gaussian field as coarse in z as in the plane: A cos(z / s) + B sin(z / s), at two heights of s."""
    fields, waves = [], []
    for stretch, weight in ((1.0, 0.8), (2.2, 0.6)):
        fields.append(cloud_field(2 * n, size, scale, generator, device).view(2, n, size * size))
        phase = z / (scale * stretch)
        waves += [weight * phase.cos(), weight * phase.sin()]
    volume: torch.Tensor = torch.stack(waves, -1) @ torch.cat(fields).transpose(0, 1)
    return volume.view(n, len(z), size, size)


def _steepness(field: torch.Tensor) -> torch.Tensor:
    """One over the slope within each plane: what turns a difference of the field into pixels."""
    rows, columns = torch.gradient(field, dim=(-2, -1))
    return torch.hypot(rows, columns).clamp_(min=1e-4).reciprocal_()
