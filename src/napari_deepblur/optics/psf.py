"""The point spread function of an aberrated microscope, differentiable in the Zernike coefficients.

h(x) = sum_f | sum_rho P_f(rho) exp(2 i pi W(rho)) exp(+2 i pi rho . x) |^2, normalised to sum 1, with the pupil fields
P_f of `pupil` and the wavefront W = sum_k theta_k Z_k(rho / fc) + z sqrt(kb^2 - rho^2) + (mismatch of the indices).

The integral over the pupil is evaluated only at the pixels of the PSF, as two matrix products (the matrix Fourier
transform of R. Soummer et al., Opt. Express 15, 15935 (2007)), and on nodes that fit a disk rather than on a square
grid, whose staircase at the edge would cost accuracy: rows at y = cos t for even steps of t, and Gauss-Legendre nodes
along the chord of each row. The integrand is smooth in both: the error falls faster than any power of their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics.pupil import Pupil
from napari_deepblur.optics.zernike import zernike

_MARGIN, _COARSE_MARGIN = 24, 14
"""Nodes along a diameter beyond those that position and defocus ask for: for the aberrations."""


@dataclass(frozen=True)
class PsfModel:
    """Everything about a microscope's PSF that does not depend on the coefficients.

    A model may stand for several pupils of one cut-off, one for each image of a batch: `fields`, `offset` and `axial`
    then have the batch as their first dimension.

    Attributes
    ----------
    fields
        Amplitudes of the F pupil fields times the area of each node, shape (F, P, P) or (B, F, P, P).
    offset
        Wavefront that is there without aberrations (mismatch of the indices), in waves, shape (P, P) or (B, P, P).
    axial
        Waves that a defocus by one pixel's length adds, shape (P, P) or (B, P, P).
    modes
        Zernike polynomials over the pupil, shape (K, P, P).
    rows
        Matrix exp(2 i pi y rho_y), shape (k, P), for pixels y = -(k-1)/2 ... (k-1)/2 and the P rows of nodes.
    columns
        exp(2 i pi x rho_x), shape (P, P, k): for the nodes of each row, and pixels x.
    size
        Side k of the PSF in pixels; odd.
    """

    fields: Tensor
    offset: Tensor
    axial: Tensor
    modes: Tensor
    rows: Tensor
    columns: Tensor
    size: int

    def to(self, device: torch.device | str) -> PsfModel:
        """Return the same model on another device."""
        return self._with(*(value.to(device) for value in (*self._pupil, *self._sampling)))

    def take(self, pupils: Tensor) -> PsfModel:
        """Return the model of a batch, from one of several pupils (`stacked`) and their indices (B,)."""
        return self._with(*(value[pupils] for value in self._pupil), *self._sampling)

    @property
    def _pupil(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.fields, self.offset, self.axial

    @property
    def _sampling(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.modes, self.rows, self.columns

    def _with(self, *tensors: Tensor) -> PsfModel:
        fields, offset, axial, modes, rows, columns = tensors
        return PsfModel(fields, offset, axial, modes, rows, columns, self.size)


def stacked(models: Sequence[PsfModel]) -> PsfModel:
    """Join models of one cut-off, the same modes and the same size into one of several pupils.

    A scalar pupil among vectorial ones gets fields of zero amplitude.
    """
    most = max(len(model.fields) for model in models)
    fields = [F.pad(model.fields, (0, 0, 0, 0, 0, most - len(model.fields))) for model in models]
    first = models[0]
    offset, axial = (torch.stack([getattr(model, name) for model in models]) for name in ("offset", "axial"))
    return PsfModel(torch.stack(fields), offset, axial, first.modes, first.rows, first.columns, first.size)


def psf_model(pupil: Pupil, modes: tuple[int, ...], size: int, defocus: float = 0.0, coarse: bool = False) -> PsfModel:
    """Sample a pupil and its Zernike modes.

    Parameters
    ----------
    pupil
        The pupil (`Microscope.pupil`).
    modes
        Noll indices.
    size
        Side of the PSF in pixels; odd, so that its peak lies on a pixel.
    defocus
        Largest distance from focus, in units of the pixel size, that will be asked for.
    coarse
        Take fewer nodes, in half the time: enough to train a network and to search. With twelve modes uniform in
        +-0.15 waves nine errors of ten are below 0.2 %, with +-0.2 waves below 1 %.

    Returns
    -------
    PsfModel
        In float32, on the processor.

    Raises
    ------
    FamilyError
        If `size` is even or below 3.
    """
    if size < 3 or size % 2 == 0:
        raise FamilyError(f"psf_size is {size}, expected an odd number of at least 3: the peak lies on a pixel.")
    # Nodes for half the phase between centre and edge of the pupil, and a margin for aberrations.
    turns = pupil.cutoff * (size // 2) + float(np.ptp(pupil.axial(np.array([0.0, 1.0])))) * abs(defocus)
    turns += float(np.ptp(pupil.mismatch(np.linspace(0, 1, 200))))
    count = (_COARSE_MARGIN if coarse else _MARGIN) + math.ceil(math.pi * turns)
    angles = (np.arange(count) + 0.5) * np.pi / count
    nodes, weights = np.polynomial.legendre.leggauss(count)
    y = np.cos(angles)[:, None]
    chord = np.sin(angles)[:, None]
    x = chord * nodes
    rho, phi = np.hypot(x, y), np.arctan2(y, x)
    # dy = sin(t) dt, dx = chord du.
    area = chord * weights * chord
    basis = np.stack([zernike(j, rho, phi) for j in modes]) if modes else np.zeros((0, *rho.shape))
    position = np.arange(size) - size // 2
    rows, columns = (np.exp(2j * np.pi * pupil.cutoff * position * v[..., None]) for v in (y[:, 0], x))
    fields, offset, axial = (
        torch.from_numpy(v).float() for v in (area * pupil.fields(rho, phi), pupil.mismatch(rho), pupil.axial(rho))
    )
    return PsfModel(
        fields,
        offset,
        axial,
        torch.from_numpy(basis).float(),
        torch.from_numpy(rows.T.copy()).to(torch.complex64),
        torch.from_numpy(columns).to(torch.complex64),
        size,
    )


def zernike_psf(theta: Tensor, model: PsfModel, z: Tensor | None = None) -> Tensor:
    """Point spread functions of the coefficients `theta`.

    Parameters
    ----------
    theta
        Zernike coefficients in waves RMS, shape (..., K), on the model's device. With a model of a batch of B pupils
        the first dimension is B.
    model
        The sampled pupil.
    z
        Distance from focus in units of the pixel size, of a shape that broadcasts to the leading dimensions of theta;
        the pupil gets the factor exp(+2 i pi z sqrt(kb^2 - rho^2)).

    Returns
    -------
    Tensor
        PSFs of sum 1, shape (..., k, k); rows are y, columns are x.
    """
    wavefront = torch.einsum("...k,kyx->...yx", theta.float(), model.modes)
    wavefront = wavefront + _aligned(model.offset, wavefront.ndim, 2)
    if z is not None:
        wavefront = wavefront + z.float()[..., None, None] * _aligned(model.axial, max(wavefront.ndim, z.ndim + 2), 2)
    phase = 2 * math.pi * wavefront
    unit = torch.complex(phase.cos(), phase.sin())[..., None, :, :]
    waves = unit * _aligned(model.fields, unit.ndim, 3)
    # Along each chord first, (P, N, Q) @ (P, Q, k), then across the chords.
    shape = waves.shape[:-2]
    along = torch.bmm(waves.flatten(0, -3).transpose(0, 1), model.columns)
    field = model.rows @ along.transpose(0, 1)
    intensity = (field.real.square() + field.imag.square()).unflatten(0, shape).sum(dim=-3)
    psf: Tensor = intensity / intensity.sum(dim=(-2, -1), keepdim=True)
    return psf


def _aligned(values: Tensor, ndim: int, own: int) -> Tensor:
    """Insert dimensions between the batch and the last `own` ones of a pupil's tensor, up to `ndim`."""
    if values.ndim == own:
        return values
    return values.reshape(len(values), *(1,) * (ndim - own - 1), *values.shape[1:])


def psf_snr(true: Tensor, estimated: Tensor) -> Tensor:
    """PSF signal-to-noise ratio -10 log10(|h - h_hat|^2 / |h|^2), in decibels.

    Parameters
    ----------
    true, estimated
        PSFs, shape (..., k, k).

    Returns
    -------
    Tensor
        Shape (...). "5 % error" is 13 dB.
    """
    error = (true - estimated).square().sum(dim=(-2, -1))
    return -10 * torch.log10(error / true.square().sum(dim=(-2, -1)))
