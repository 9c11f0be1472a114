"""Images of specimens with depth: the camera adds up all planes, each through the same pupil at its own defocus."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_deepblur.operators.convolution import fast_length
from napari_deepblur.optics import PsfModel, Pupil, psf_model, zernike_psf
from napari_deepblur.training.pupils import PUPILS
from napari_deepblur.training.scenes.volumes import draw_volumes

_HEIGHTS = (-6.5, -4.6, -3.2, -2.2, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.2, 3.2, 4.6, 6.5)
"""Planes, in depths of focus n wavelength / NA^2: close where what they show depends on the aberrations."""

_THICKNESS = (0.25, 7.5)
"""How far a specimen reaches below the focus, and above it, in depths of focus; see `_reach`."""

_STRETCH = 0.15
"""The heights are stretched or shrunk by up to this share, so that no network learns them."""

_NEAR, _FAR = 63, 127
"""Sides of PSFs out of focus: up to `_NEAREST` depths of focus with all aberrations, and beyond that without."""

_NEAREST = 2.3

_MARGIN = 16
"""Pixels around the scene beyond which planes are periodic."""

_ODDS = (0.05, 30.0)
"""Light out of focus over light in focus where it is drawn, log-uniform: as many images have 3 % in focus as half."""


class ThickImages(NamedTuple):
    """Specimens with depth, as a camera without noise sees them.

    Attributes
    ----------
    focus
        Planes in focus, shape (n, 1, S, S).
    blurred
        Images, shape (n, 1, S - k + 1, S - k + 1).
    out_of_focus
        Share of their light that is from other planes, shape (n,).
    """

    focus: Tensor
    blurred: Tensor
    out_of_focus: Tensor


def draw_thick(
    stacks: Tensor,
    theta: Tensor,
    psf: Tensor,
    pupil: int,
    modes: tuple[int, ...],
    cutoff: float,
    size: int,
    generator: torch.Generator,
) -> ThickImages:
    """Draw specimens with depth, and add up what the camera sees of their planes.

    A specimen is a slab from somewhere below the focus to somewhere above it. Half are volumes (`draw_volumes`), half
    flat scenes with others above and below. The odds of the light to be out of focus are drawn between 1 : 20 and
    30 : 1, or are for half of the volumes what each plane has by itself, as thick as it stands for.

    Parameters
    ----------
    stacks
        Flat scenes to make half of the specimens of, shape (m, P, S + 32, S + 32), m at most n, P as
        `planes_of_a_stack` says.
    theta
        Coefficients in waves, shape (n, K).
    psf
        PSFs in focus, shape (n, k, k).
    pupil
        Index of `PUPILS`, for all n.
    modes, cutoff
        Of the coefficients, and fc in cycles per pixel.
    size
        Side S of the scenes, in pixels.
    generator
        Source of the random numbers.
    """
    n, device = len(theta), theta.device
    aperture = PUPILS[pupil][0]
    below, above = _reach(generator, device)
    stretch = float(torch.rand((), generator=generator, device=device))
    depth_of_focus = 1 / (aperture * cutoff)
    heights = torch.tensor(_HEIGHTS, device=device)
    present = _present(heights, below, above)
    z = heights * depth_of_focus * (1 + _STRETCH * (2 * stretch - 1))
    side = size + 2 * _MARGIN
    volumes = draw_volumes(n - len(stacks), side, z, generator, device)
    planes = torch.cat((stacks, volumes))
    widths = _widths(heights) / _widths(heights)[len(heights) // 2]
    focus = _HEIGHTS.index(0.0)

    grid = fast_length(side)

    def spectrum(index: int) -> Tensor:
        values: Tensor = torch.fft.rfft2(planes[:, index], s=(grid, grid))
        return values

    seen = spectrum(focus) * _transfer(psf, grid)
    near, far = _models(pupil, modes, cutoff, device)
    others = torch.zeros_like(seen)
    for index, height in enumerate(_HEIGHTS):
        if index == focus or not present[index]:
            continue
        if abs(height) < _NEAREST:
            blur = zernike_psf(theta, near, z[index])
        else:
            blur = zernike_psf(torch.zeros(0, device=device), far, z[index])
        others += present[index] * widths[index] * spectrum(index) * _transfer(blur, grid)
    in_focus, out_of_focus = torch.fft.irfft2(torch.stack((seen, others)), s=(grid, grid))

    half = psf.shape[-1] // 2
    inner = slice(_MARGIN + half, side - _MARGIN - half)
    in_focus, out_of_focus = in_focus[:, inner, inner], out_of_focus[:, inner, inner].clamp_min(0)
    odds = _ODDS[0] * (_ODDS[1] / _ODDS[0]) ** torch.rand((n, 1, 1), generator=generator, device=device)
    means = in_focus.mean((1, 2), keepdim=True), out_of_focus.mean((1, 2), keepdim=True)
    wanted = odds * means[0].clamp_min(1e-3) / means[1].clamp_min(1e-4)
    volume = torch.arange(n, device=device)[:, None, None] >= len(stacks)
    natural = volume & (torch.rand((n, 1, 1), generator=generator, device=device) < 0.5)
    blurred = in_focus + torch.where(natural, 1.0, wanted) * out_of_focus
    outer = slice(_MARGIN, side - _MARGIN)
    out_of_focus = 1 - (in_focus.mean((1, 2)) / blurred.mean((1, 2)).clamp_min(1e-6)).clamp(0, 1)
    return ThickImages(planes[:, focus, None, outer, outer].contiguous(), blurred[:, None], out_of_focus)


def stack_side(size: int) -> int:
    """Return the side of the flat scenes that `draw_thick` wants for scenes of side `size`."""
    return size + 2 * _MARGIN


def planes_of_a_stack() -> int:
    """Count the planes of a specimen."""
    return len(_HEIGHTS)


def _reach(generator: torch.Generator, device: torch.device) -> tuple[float, float]:
    """Draw how far a specimen goes below the focus and above it; equally far half of the time, as inside of tissue.

    The logarithm has a rising density: one specimen in four is deeper than 5 depths of focus on a side, since these
    are the hard ones, and since microscopists focus into a specimen, not on its skin.
    """
    below, above, inside = torch.rand(3, generator=generator, device=device).tolist()
    low, high = _THICKNESS
    depths = (low * (high / low) ** math.sqrt(draw) for draw in (below, below if inside < 0.5 else above))
    return next(depths), next(depths)


def _widths(heights: Tensor) -> Tensor:
    """Thickness of the slice that each plane stands for: half-way to its neighbours."""
    between = heights.diff()
    ends = torch.cat((between[:1], between)), torch.cat((between, between[-1:]))
    return (ends[0] + ends[1]) / 2


def _present(heights: Tensor, below: float, above: float) -> Tensor:
    """Share of the slice of each plane that a specimen from -below to above fills; all of it in focus."""
    half = _widths(heights) / 2
    filled = (heights + half).clamp(max=above) - (heights - half).clamp(min=-below)
    return (filled / (2 * half)).clamp(0, 1)


def _transfer(psf: Tensor, grid: int) -> Tensor:
    """Transfer functions (..., grid, grid // 2 + 1) of PSFs (..., k, k) whose centre is at the origin."""
    surplus = max((psf.shape[-1] - grid + 1) // 2, 0)
    psf = psf[..., surplus : psf.shape[-1] - surplus, surplus : psf.shape[-1] - surplus]
    half, room = psf.shape[-1] // 2, grid - psf.shape[-1]
    transfer: Tensor = torch.fft.rfft2(F.pad(psf, (0, room, 0, room)).roll((-half, -half), (-2, -1)))
    return transfer


@cache
def _models(pupil: int, modes: tuple[int, ...], cutoff: float, device: torch.device) -> tuple[PsfModel, PsfModel]:
    """Models of the near planes, and of the far ones: these without aberrations, which hardly matter there."""
    aperture, light = PUPILS[pupil]
    unit = (1 + _STRETCH) / (aperture * cutoff)
    near = psf_model(Pupil(cutoff, aperture, light), modes, _NEAR, defocus=_NEAREST * unit, coarse=True)
    far = psf_model(Pupil(cutoff, aperture, "scalar"), (), _FAR, defocus=max(_HEIGHTS) * unit, coarse=True)
    return near.to(device), far.to(device)
