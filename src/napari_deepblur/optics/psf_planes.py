"""The three-dimensional point spread function of a pupil: what a plane sees of a source that lies planes before it.

h_d(x) = sum_f |sum_rho P_f(rho) exp(2 i pi (W(rho) + d step sqrt(kb^2 - rho^2))) exp(2 i pi rho . x)|^2 with the same
wavefront W in all planes, each plane normalised to the sum one: defocus moves light, and does not take any away. Planes
whose light reaches beyond the window have that sum within it, as if what the window cuts off came back from beside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics.psf import PsfModel, psf_model, zernike_psf
from napari_deepblur.optics.pupil import Pupil

_GROUP = 4
"""Planes that share the nodes of the furthest among them: each needs as many as its defocus asks for."""


@dataclass(frozen=True)
class PsfPlanesModel:
    """Everything about the planes of a PSF that does not depend on the coefficients.

    Attributes
    ----------
    groups
        Sampled pupils, each with the distances from focus, in pixels, of planes that it is good for. All distances in
        order are -reach * step, ..., 0, ..., reach * step.
    """

    groups: tuple[tuple[PsfModel, Tensor], ...]

    def to(self, device: torch.device | str) -> PsfPlanesModel:
        """Return the same model on another device."""
        return PsfPlanesModel(tuple((model.to(device), z.to(device)) for model, z in self.groups))


def psf_planes_model(pupil: Pupil, modes: tuple[int, ...], size: int, step: float, reach: int) -> PsfPlanesModel:
    """Sample a pupil for all planes of a PSF.

    Parameters
    ----------
    pupil
        The pupil (`Microscope.pupil`).
    modes
        Noll indices.
    size
        Side of the PSF in pixels; odd.
    step
        Distance of the planes, in units of the pixel size; negative where they come in the order against the light.
    reach
        Planes on each side of the focus.

    Raises
    ------
    FamilyError
        If `size` is even or below 3, or the planes have no distance.
    """
    if not math.isfinite(step) or step == 0 or reach < 0:
        raise FamilyError(
            f"The planes are {step} pixels apart, and {reach} on each side; expected a distance other than 0."
        )
    groups = []
    for first in range(-reach, reach + 1, _GROUP):
        distances = step * torch.arange(first, min(first + _GROUP, reach + 1), dtype=torch.float32)
        groups.append((psf_model(pupil, modes, size, float(distances.abs().max())), distances))
    return PsfPlanesModel(tuple(groups))


def psf_planes(theta: Tensor, model: PsfPlanesModel) -> Tensor:
    """Return PSFs of all planes, differentiable in the coefficients.

    Parameters
    ----------
    theta
        Zernike coefficients in waves RMS, shape (..., K), the same for all planes.
    model
        The sampled pupil.

    Returns
    -------
    Tensor
        Shape (..., 2 reach + 1, k, k); plane reach + d is what a plane sees of a source d planes before it.
    """
    return torch.cat([zernike_psf(theta[..., None, :], part, z) for part, z in model.groups], dim=-3)
