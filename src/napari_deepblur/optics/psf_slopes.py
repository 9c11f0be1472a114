"""Derivatives of a PSF in all of its parameters at once, for steps of Gauss and Newton.

With the field E = F[P exp(2 i pi W)] and h = |E|^2 / sum |E|^2, a change of the pupil by the factor 1 + t T changes h
by dh/dt = 2 Re(conj(E) F[P exp(2 i pi W) T]) / sum |E|^2, less h times its own sum. T is 2 i pi Z_k for a coefficient
of the wavefront. All of them are one product of matrices, which automatic differentiation does not make of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_deepblur.optics.psf import PsfModel


def psf_slopes(theta: Tensor, model: PsfModel, z: Tensor, changes: Tensor) -> tuple[Tensor, Tensor]:
    """PSFs of several planes, and their derivatives.

    Parameters
    ----------
    theta
        Zernike coefficients in waves RMS, the same in all planes, shape (K,).
    model
        The sampled pupil.
    z
        Distances from focus in units of the pixel size, shape (Z,).
    changes
        Relative changes T of the pupil at its nodes, complex, shape (T, P, P).

    Returns
    -------
    tuple of Tensor
        PSFs of sum 1, shape (Z, k, k), and their derivatives, (T, Z, k, k).
    """
    wavefront = torch.einsum("k,kyx->yx", theta.float(), model.modes) + model.offset
    phase = 2 * math.pi * (wavefront + z.float()[:, None, None] * model.axial)
    waves = torch.complex(phase.cos(), phase.sin())[:, None] * model.fields
    pupils = torch.cat([waves[None], waves * changes[:, None, None]])
    shape = pupils.shape[:-2]
    along = torch.bmm(pupils.flatten(0, -3).transpose(0, 1), model.columns)
    fields = (model.rows @ along.transpose(0, 1)).unflatten(0, shape)
    field, change = fields[0], fields[1:]
    intensity = (field.real.square() + field.imag.square()).sum(dim=1)
    total = intensity.sum(dim=(-2, -1), keepdim=True)
    psf = intensity / total
    slopes = 2 * (field.real * change.real + field.imag * change.imag).sum(dim=2) / total
    return psf, slopes - psf * slopes.sum(dim=(-2, -1), keepdim=True)
