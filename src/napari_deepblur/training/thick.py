"""Images of specimens with depth: the camera adds up all planes, each through the same pupil at its own defocus."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_deepblur.operators.convolution import fast_length
from napari_deepblur.optics import PsfModel, Pupil, psf_model, zernike_psf
from napari_deepblur.training.pupils import PUPILS
from napari_deepblur.training.scenes.volumes import draw_volumes

_HEIGHTS = (-4.0, -1.5, -0.5, 0.0, 0.5, 1.5, 4.0)
"""Planes, in depths of focus n wavelength / NA^2 times the thickness that is drawn."""

_THICKNESS = (0.15, 1.3)
_NEAR, _FAR = 63, 127
"""Sides of PSFs out of focus: up to one and a half depths of focus with all aberrations, and beyond that without."""

_MARGIN = 16
"""Pixels around the scene beyond which planes are periodic."""

_MOST_OUT_OF_FOCUS = 0.9


class ThickImages(NamedTuple):
    """Specimens with depth, as a camera without noise sees them.

    Attributes
    ----------
    focus
        Planes in focus, shape (n, 1, S, S).
    blurred
        Images, shape (n, 1, S - k + 1, S - k + 1).
    """

    focus: Tensor
    blurred: Tensor


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

    Half are volumes (`draw_volumes`), half flat scenes with others above and below. The share of light that is out of
    focus is drawn between 0 and 0.9.

    Parameters
    ----------
    stacks
        Flat scenes to make half of the specimens of, shape (m, 7, S + 32, S + 32), m at most n.
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
    draws = torch.rand(4, generator=generator, device=device).tolist()
    depth_of_focus = 1 / (aperture * cutoff)
    thickness = _THICKNESS[0] * (_THICKNESS[1] / _THICKNESS[0]) ** draws[0]
    z = torch.tensor(_HEIGHTS, device=device) * depth_of_focus * thickness
    # The camera need not focus on the middle of what is there, but the planes keep their order.
    z = z + (draws[1] - 0.5) * 0.3 * depth_of_focus * thickness * (torch.tensor(_HEIGHTS, device=device) != 0)
    side = size + 2 * _MARGIN
    volumes = draw_volumes(n - len(stacks), side, z, generator, device)
    planes = torch.cat((stacks, volumes))
    focus = _HEIGHTS.index(0.0)

    grid = fast_length(side)
    spectra = torch.fft.rfft2(planes, s=(grid, grid))
    seen = spectra[:, focus] * _transfer(psf, grid)
    near, far = _models(pupil, modes, cutoff, device)
    others = torch.zeros_like(seen)
    for index, height in enumerate(_HEIGHTS):
        if 0 < abs(height) < 2:
            others += spectra[:, index] * _transfer(zernike_psf(theta, near, z[index]), grid)
        elif height:
            blur = zernike_psf(torch.zeros(0, device=device), far, z[index])
            others += spectra[:, index] * _transfer(blur, grid)
    in_focus, out_of_focus = torch.fft.irfft2(torch.stack((seen, others)), s=(grid, grid))

    half = psf.shape[-1] // 2
    inner = slice(_MARGIN + half, side - _MARGIN - half)
    in_focus, out_of_focus = in_focus[:, inner, inner], out_of_focus[:, inner, inner].clamp_min(0)
    share = _MOST_OUT_OF_FOCUS * torch.rand((n, 1, 1), generator=generator, device=device)
    means = in_focus.mean((1, 2), keepdim=True), out_of_focus.mean((1, 2), keepdim=True)
    wanted = share / (1 - share) * means[0].clamp_min(1e-3) / means[1].clamp_min(1e-4)
    # Half of the volumes get no more light from out of focus than they have by themselves.
    natural = torch.arange(n, device=device)[:, None, None] >= len(stacks)
    capped = natural & (torch.rand((n, 1, 1), generator=generator, device=device) < 0.5)
    blurred = in_focus + torch.where(capped, wanted.clamp(max=1.0), wanted) * out_of_focus
    outer = slice(_MARGIN, side - _MARGIN)
    return ThickImages(planes[:, focus, None, outer, outer].contiguous(), blurred[:, None])


def stack_side(size: int) -> int:
    """Return the side of the flat scenes that `draw_thick` wants for scenes of side `size`."""
    return size + 2 * _MARGIN


def planes_of_a_stack() -> int:
    """Count the planes of a specimen."""
    return len(_HEIGHTS)


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
    unit = _THICKNESS[1] / (aperture * cutoff)
    near = psf_model(Pupil(cutoff, aperture, light), modes, _NEAR, defocus=1.7 * unit, coarse=True)
    far = psf_model(Pupil(cutoff, aperture, "scalar"), (), _FAR, defocus=4.2 * unit, coarse=True)
    return near.to(device), far.to(device)
