"""Spots: point sources between the pixels and small Gaussians, as of single molecules, vesicles or beads."""

from __future__ import annotations

import torch

from napari_deepblur.training.scenes.fields import haze, log_uniform, normal, uniform
from napari_deepblur.training.scenes.splat import splat_points

_MAX_POINTS_PER_PIXEL = 1 / 60
_MAX_BLOBS_PER_PIXEL = 1 / 600
_BLOB_HALF_BOX = 6


def spots(
    n: int,
    size: int,
    generator: torch.Generator,
    device: torch.device,
    most_points: float = _MAX_POINTS_PER_PIXEL,
) -> torch.Tensor:
    """Draw scenes of points and small Gaussians (deviation 0.5 to 2 pixels) over a low, cloudy background.

    Brightness spans a factor that differs from scene to scene, up to 30; positions are uniform, or gathered
    around a few centres.

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
    most_points : float
        Points on a pixel, at most.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        Scenes in [0, 1].
    """
    span = log_uniform((n, 1), generator, device, 1.5, 30.0)
    y, x, brightness = _sources(n, size, most_points, span, generator, device)
    # A point between four pixels shows a quarter of its light in each: twice the light keeps it visible.
    canvas = splat_points(y, x, brightness * 1.5, size)

    y, x, brightness = _sources(n, size, _MAX_BLOBS_PER_PIXEL, span, generator, device)
    deviation = log_uniform(tuple(y.shape), generator, device, 0.5, 2.0)
    step = torch.arange(-_BLOB_HALF_BOX, _BLOB_HALF_BOX + 1, device=device)
    rows, columns = y.round()[..., None] + step, x.round()[..., None] + step
    slope = -0.5 / deviation[..., None] ** 2
    across = torch.exp(slope * (rows - y[..., None]) ** 2) * brightness[..., None]
    along = torch.exp(slope * (columns - x[..., None]) ** 2)
    blobs = across[..., :, None] * along[..., None, :]
    rows, columns = torch.broadcast_tensors(rows[..., :, None], columns[..., None, :])
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    scene = torch.arange(n, device=device)[:, None, None, None] * (size * size)
    index = (scene + rows.long() * size + columns.long()).masked_fill(~inside, 0)
    canvas = canvas.reshape(-1).index_add(0, index.flatten(), (blobs * inside).flatten()).view(n, size, size)

    background = haze(n, size, 0.12, generator, device)
    return (background + (1 - background) * canvas).clamp_(0, 1)


def _sources(
    n: int,
    size: int,
    most_per_pixel: float,
    span: torch.Tensor,
    generator: torch.Generator,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw positions and brightness (n, P); sources beyond the number of a scene have brightness 0."""
    most = max(4, round(size * size * most_per_pixel))
    present = torch.arange(most, device=device) < log_uniform((n, 1), generator, device, max(3, most / 100), most)
    brightness = span ** -uniform((n, most), generator, device) * present
    centres = uniform((2, n, 12), generator, device) * size
    member = (uniform((n, most), generator, device) * 12).long()
    spread = log_uniform((n, 1), generator, device, 0.01, 0.08) * size
    gathered = centres.gather(2, member.expand(2, -1, -1)) + spread * normal((2, n, most), generator, device)
    anywhere = uniform((2, n, most), generator, device) * size
    share = (uniform((n, 1), generator, device) - 0.4).clamp_(min=0) / 0.6
    position = torch.where(uniform((n, most), generator, device) < share, gathered, anywhere)
    return position[0], position[1], brightness
