"""The pupils that training sees: apertures from a dry lens to total internal reflection, vectorial and scalar light."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_deepblur.optics import Light, PsfModel, Pupil, psf_model, stacked

_VECTORIAL = (
    *(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75),
    *(0.80, 0.84, 0.87, 0.89, 0.902, 0.915, 0.925, 0.934, 0.945, 0.955, 0.965, 0.975, 0.985),
)
"""NA / n: densest at immersion objectives, where light differs most from lens to lens."""

_SCALAR = (0.4, 0.8, 0.934, 0.97)
"""Of scalar pupils, whose aperture matters only out of focus."""

PUPILS: tuple[tuple[float, Light], ...] = (
    *((aperture, "vectorial") for aperture in _VECTORIAL),
    *((aperture, "scalar") for aperture in _SCALAR),
)
"""Apertures NA / n with their light."""

_SCALAR_SHARE = 0.2


class Pupils:
    """Sampled pupils of one cut-off, all of `PUPILS`.

    Parameters
    ----------
    cutoff
        fc in cycles per pixel.
    modes
        Noll indices.
    size
        Side of the PSFs in pixels; odd.
    device
        Where PSFs are computed.
    coarse
        As in `psf_model`.
    """

    def __init__(
        self, cutoff: float, modes: tuple[int, ...], size: int, device: torch.device, coarse: bool = False
    ) -> None:
        pupils = [Pupil(cutoff, aperture, light) for aperture, light in PUPILS]
        self.model: PsfModel = stacked([psf_model(p, modes, size, coarse=coarse) for p in pupils]).to(device)
        self.polarization = torch.tensor([[p.polarization] for p in pupils], device=device)
        self.size = size
        self.cutoff = cutoff

    def take(self, pupil: Tensor) -> PsfModel:
        """Return the models of a batch with these indices (B,) of `PUPILS`."""
        return self.model.take(pupil)


def draw_pupils(n: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw indices (n,) of `PUPILS`: one in five scalar, the others from all apertures of vectorial light."""
    draws = torch.rand((2, n), generator=generator, device=device)
    vectorial = (draws[1] * len(_VECTORIAL)).long()
    scalar = len(_VECTORIAL) + (draws[1] * len(_SCALAR)).long()
    return torch.where(draws[0] < _SCALAR_SHARE, scalar, vectorial)
