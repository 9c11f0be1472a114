"""What a stack shows of one bead, and how it changes with the pupil and the place of the bead.

Plane p of the stack sees of a bead at the height q

    m_p = a_p h(z = step (p - q)) + b_p,

h the PSF of the pupil, moved by a tilt to where the bead lies between pixels and blurred by the ball that the bead is.
The light a_p and the background b_p of each plane are free: excitation bleaches, and the window cuts off what is far
out of focus.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_deepblur.calibration.bead_filter import ball_transfer
from napari_deepblur.optics import Microscope, PsfModel, psf_model, psf_slopes, zernike_psf

PLACE = 3
"""Parameters of a bead's place: x, y and height, in pixels; they come before those of the pupil."""

_TILTS = (2, 3)
_GROUP = 4
"""Planes that share the nodes of the furthest among them."""


@dataclass(frozen=True)
class BeadModel:
    """PSFs of a stack's planes as a function of (x, y, height, theta, amplitude).

    Attributes
    ----------
    groups
        Sampled pupils, whose modes are tilts, wavefront and amplitude; each with the distances, in pixels, of its
        planes from the first plane.
    n_modes
        Number K of modes of the wavefront.
    cutoff
        Of the pupil, in cycles per pixel.
    ball
        Transfer function of the beads, or None for points.
    """

    groups: tuple[tuple[PsfModel, Tensor], ...]
    n_modes: int
    cutoff: float
    ball: Tensor | None

    @property
    def n_parameters(self) -> int:
        """Number 3 + K + A of the parameters."""
        return PLACE + len(self.groups[0][0].modes) - len(_TILTS)

    def psfs(self, parameters: Tensor) -> Tensor:
        """Return PSFs (Z, k, k) of all planes, each of sum 1, at parameters (3 + K + A,)."""
        return torch.cat([self._group(parameters, model, z) for model, z in self.groups])

    def jacobian(self, parameters: Tensor) -> Tensor:
        """Return the derivatives of `psfs`, shape (3 + K + A, Z, k, k)."""
        return torch.cat([self._slopes(parameters, model, z) for model, z in self.groups], dim=1)

    def _group(self, parameters: Tensor, model: PsfModel, z: Tensor) -> Tensor:
        theta, passed, _ = self._pupil(parameters, model)
        return self._blurred(zernike_psf(theta.expand(len(z), -1), passed, z - parameters[2]))

    def _slopes(self, parameters: Tensor, model: PsfModel, z: Tensor) -> Tensor:
        theta, passed, amplitude = self._pupil(parameters, model)
        tilts, waves = passed.modes[:2], passed.modes[2:]
        phases = torch.cat([-0.5 * self.cutoff * tilts, -model.axial[None], waves])
        changes = torch.cat([2j * math.pi * phases, model.modes[len(passed.modes) :] / amplitude])
        return self._blurred(psf_slopes(theta, passed, z - parameters[2], changes)[1])

    def _pupil(self, parameters: Tensor, model: PsfModel) -> tuple[Tensor, PsfModel, Tensor]:
        """Coefficients of tilts and wavefront, the pupil that they are those of, and its transmission."""
        phases = len(_TILTS) + self.n_modes
        # A tilt of t waves RMS, 2 t rho / fc, moves the image by -2 t / fc pixels.
        theta = torch.cat([-0.5 * self.cutoff * parameters[:2], parameters[PLACE : PLACE + self.n_modes]])
        amplitude = self.transmission(parameters[PLACE:], model)
        return theta, replace(model, modes=model.modes[:phases], fields=model.fields * amplitude), amplitude

    def transmission(self, shared: Tensor, model: PsfModel) -> Tensor:
        """Amplitude 1 + sum c_j Z_j that the pupil passes at the nodes of one group, shape (P, P)."""
        return 1 + torch.einsum("a,ayx->yx", shared[self.n_modes :], model.modes[len(_TILTS) + self.n_modes :])

    def _blurred(self, psfs: Tensor) -> Tensor:
        if self.ball is None:
            return psfs
        blurred: Tensor = torch.fft.irfft2(torch.fft.rfft2(psfs) * self.ball, s=psfs.shape[-2:])
        return blurred

    def part(self, planes: Sequence[int], size: int) -> BeadModel:
        """Return the model of some of the planes, in rising order, and of the middle of the patch, of odd side."""
        wanted = set(planes)
        groups, first = [], 0
        for model, z in self.groups:
            kept = [i for i in range(len(z)) if first + i in wanted]
            first += len(z)
            if kept:
                rim = (model.size - size) // 2
                rows, columns = model.rows[rim : rim + size], model.columns[..., rim : rim + size]
                groups.append((replace(model, rows=rows, columns=columns.contiguous(), size=size), z[kept]))
        # Without the ball, which is for the whole patch: where to begin need not be exact.
        return replace(self, groups=tuple(groups), ball=None)


def bead_model(
    microscope: Microscope,
    modes: tuple[int, ...],
    amplitude: tuple[int, ...],
    shape: tuple[int, int],
    step: float,
    bead_diameter_um: float | None,
) -> BeadModel:
    """Sample the pupil for the planes of a stack.

    Parameters
    ----------
    microscope
        Optics and pixel size.
    modes, amplitude
        Noll indices of the wavefront, and of the transmission.
    shape
        Planes of the stack, and side of the patches.
    step
        Distance of the planes in pixels, signed.
    bead_diameter_um
        Diameter of the beads; None for points.
    """
    depth, size = shape
    groups = []
    for first in range(0, depth, _GROUP):
        z = step * torch.arange(first, min(first + _GROUP, depth), dtype=torch.float32)
        # A bead in the first plane is as far from the last one as can be.
        farthest = max(float((z - end).abs().max()) for end in (0.0, step * (depth - 1)))
        groups.append((psf_model(microscope.pupil, (*_TILTS, *modes, *amplitude), size, 0.75 * farthest), z))
    ball = None
    if bead_diameter_um is not None:
        diameter = bead_diameter_um / microscope.pixel_size_um
        ball = torch.from_numpy(np.asarray(ball_transfer((size, size), diameter), np.float32))
    return BeadModel(tuple(groups), len(modes), microscope.cutoff, ball)


def sharpest_plane(patch: Tensor) -> int:
    """Plane of a bead's patch (Z, k, k) whose light is in the fewest pixels."""
    light = patch - patch.flatten(1).median(dim=1).values[:, None, None]
    energy = light.square().sum((1, 2))
    # Noise adds the same everywhere; a mean over three planes is steadier than one.
    padded = torch.nn.functional.pad(energy[None], (1, 1), mode="replicate")[0]
    return int(torch.nn.functional.avg_pool1d(padded[None], 3, 1)[0].argmax())


def depth_of_field(microscope: Microscope) -> float:
    """Return n wavelength / NA^2, in pixels."""
    field_um = microscope.wavelength_um * microscope.n_immersion / microscope.na**2
    return field_um / microscope.pixel_size_um
