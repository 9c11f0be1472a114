"""The three-dimensional transfer function of an aberrated microscope, differentiable in the Zernike coefficients.

The transform of the PSF h_z at the lateral frequency f is an integral over pairs of points of the pupil,

    H_z(f) = integral P(q + f/2) P*(q - f/2) exp 2 i pi (W(q + f/2) - W(q - f/2) + z zeta(q)) dq,
    zeta(q) = s(q + f/2) - s(q - f/2),    s(rho) = sqrt(kb^2 - rho^2),

summed over the fields of the pupil. Pairs with the same axial frequency zeta lie on an arc, on which the component u of
q along f follows from the component v across it: u = -zeta sqrt((kb^2 - v^2 - f^2/4 - zeta^2/4) / (f^2 + zeta^2)). So

    H(f, zeta) = integral P P* exp(2 i pi (W - W)) |du / dzeta| dv,
    H_z(f)     = integral H(f, zeta) exp(2 i pi zeta z) dzeta,

which has no lateral grid and no planes: a focal stack of any depth costs the same, and light that is far out of focus
needs no wide PSFs. The vectorial fields are in the weights, the mismatch of the indices in a constant phase.

Sources: B. Frieden, J. Opt. Soc. Am. 57, 56 (1967); N. Streibl, J. Opt. Soc. Am. A 2, 121 (1985).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics.pupil import Pupil
from napari_deepblur.optics.zernike import zernike

_NODES = 14
"""Gauss-Legendre nodes on an arc."""

_INSIDE = 1 - 1e-7
"""Radius of the edge: the apodisation of NA = n is infinite on it."""

_HALVINGS = 50


@dataclass(frozen=True)
class TransferModel:
    """Everything about a 3-D transfer function that does not depend on the coefficients.

    Attributes
    ----------
    weights
        Amplitude of each pair of points times its share of the integral, of C cells with N pairs each, shape (C, N).
    offset
        Waves that the pair differs by without aberrations, shape (C, N).
    modes
        Differences of the Zernike polynomials, shape (K, C * N).
    cells
        Where the cells lie in the flat table of frequencies, shape (C,); the others are beyond the band.
    axial
        Axial frequencies zeta, equally spaced and symmetric about 0, in cycles per pixel length, shape (B,).
    count
        Number of lateral frequencies F.
    """

    weights: Tensor
    offset: Tensor
    modes: Tensor
    cells: Tensor
    axial: Tensor
    count: int

    @property
    def step(self) -> float:
        """Distance of the axial frequencies."""
        return float(self.axial[1] - self.axial[0])


def transfer_model(
    pupil: Pupil, modes: tuple[int, ...], frequencies: NDArray[np.floating], step: float
) -> TransferModel:
    """Sample the pairs of points of a pupil.

    Parameters
    ----------
    pupil
        The pupil (`Microscope.pupil`); not the paraxial limit, which has no axial frequencies.
    modes
        Noll indices.
    frequencies
        Lateral frequencies (fy, fx) other than zero, in cycles per pixel, shape (F, 2).
    step
        Distance of the axial frequencies in cycles per pixel length: the inverse of a distance beyond which there is
        nothing to be asked.

    Returns
    -------
    TransferModel
        In float32, on the processor.

    Raises
    ------
    FamilyError
        If the pupil is paraxial.
    """
    if not pupil.aperture:
        raise FamilyError("A pupil without an aperture has no defocus by a distance. Make it of a Microscope.")
    cut, wave = pupil.cutoff, pupil.cutoff / pupil.aperture
    bins = max(math.ceil((wave - math.sqrt(max(wave**2 - cut**2, 0.0))) / step), 1)
    axial = step * np.arange(-bins, bins + 1)
    radius = np.hypot(*np.asarray(frequencies, np.float64).T)
    reach, inside = _arcs(radius[:, None], np.asarray(axial[None], np.float64), cut, wave)
    row, column = np.nonzero(inside)
    f, zeta = radius[row, None], axial[column, None]
    nodes, shares = np.polynomial.legendre.leggauss(_NODES)
    half = reach[row, column, None]
    v = half * nodes
    above = np.maximum(wave**2 - v**2 - f**2 / 4 - zeta**2 / 4, 1e-9 * wave**2)
    slope = np.sqrt(above / (f**2 + zeta**2))
    jacobian = slope * np.abs(1 - zeta**2 / (4 * above) - zeta**2 / (f**2 + zeta**2))
    angle = np.arctan2(frequencies[row, 0], frequencies[row, 1])[:, None]
    one, other = (_polar(-zeta * slope + sign * f / 2, v, angle, cut) for sign in (1, -1))
    amplitude = (pupil.fields(*one) * pupil.fields(*other)).sum(0)
    weights = amplitude * jacobian * half * shares * step / _power(pupil)
    offset = pupil.mismatch(one[0]) - pupil.mismatch(other[0])
    basis = [(zernike(j, *one) - zernike(j, *other)).ravel() for j in modes]
    return TransferModel(
        torch.from_numpy(weights).float(),
        torch.from_numpy(offset).float(),
        torch.from_numpy(np.stack(basis) if basis else np.zeros((0, weights.size))).float(),
        torch.from_numpy(row * len(axial) + column),
        torch.from_numpy(axial).float(),
        len(frequencies),
    )


def transfer(theta: Tensor, model: TransferModel) -> Tensor:
    """Transfer function of coefficients in waves RMS, shape (K,), times the axial step: complex, shape (F, B).

    H_z(f) is its sum over zeta with exp(2 i pi zeta z); H_z(0) would be 1.
    """
    phase = 2 * math.pi * ((theta.float() @ model.modes).view(model.weights.shape) + model.offset)
    cells = torch.complex((model.weights * phase.cos()).sum(1), (model.weights * phase.sin()).sum(1))
    table = torch.zeros(model.count * len(model.axial), dtype=cells.dtype)
    return table.index_put((model.cells,), cells).view(model.count, len(model.axial))


def _arcs(
    f: NDArray[np.float64], zeta: NDArray[np.float64], cut: float, wave: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Half lengths of the arcs along v, and which frequencies have any."""
    steep = zeta**2 / (f**2 + zeta**2)
    room = wave**2 - f**2 / 4 - zeta**2 / 4

    def beyond(square: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the farther point of the pair lies outside the pupil at v^2."""
        along = np.sqrt(np.maximum(steep * (room - square), 0.0)) + f / 2
        return np.asarray(along**2 + square > cut**2)

    low, high = np.zeros(np.broadcast_shapes(f.shape, zeta.shape)), np.full_like(room, cut**2)
    inside = ~beyond(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        out = beyond(middle)
        low, high = np.where(out, low, middle), np.where(out, middle, high)
    return np.sqrt(low), inside


def _polar(
    along: NDArray[np.float64], across: NDArray[np.float64], angle: NDArray[np.float64], cut: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Polar coordinates in the unit pupil of points given along and across a direction."""
    x = along * np.cos(angle) - across * np.sin(angle)
    y = along * np.sin(angle) + across * np.cos(angle)
    return np.minimum(np.hypot(x, y) / cut, _INSIDE), np.arctan2(y, x)


def _power(pupil: Pupil) -> float:
    """Integral of the squared fields over the pupil."""
    nodes, shares = np.polynomial.legendre.leggauss(64)
    # sqrt(1 - rho^2) as the variable takes the edge's infinite slope out.
    height, weight = (nodes + 1) / 2, shares / 2
    rho = np.minimum(np.sqrt(1 - height**2), _INSIDE)
    angles = np.arange(8) * np.pi / 4
    rings = np.square(pupil.fields(rho[:, None] + 0 * angles, 0 * rho[:, None] + angles)).sum(0).mean(1)
    return float(2 * np.pi * pupil.cutoff**2 * (weight * height * rings).sum())
