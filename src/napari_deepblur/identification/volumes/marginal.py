"""How likely a stack is, whatever the specimen: the scene is integrated out, not estimated.

At each lateral frequency the planes y, shape (Z,), of a window are one draw from a Gaussian of covariance

    thick    C_ab = sum_zeta S(f, zeta) |H(f, zeta)|^2 exp(2 i pi zeta (z_a - z_b)),
    thin     C    = S(f) h h^H,    h_a = H_(z_a - z_0)(f),

in units of the noise plus the unit matrix, with the transfer function H of one wavefront theta (`optics.transfer`) and
a smooth scene spectrum S of few parameters (`scenes`). The energy is minus the logarithm of the likelihood,

    E = n sum_f log det (C + 1) + tr (C + 1)^-1 Y,    Y the mean of y y^H over the windows.

A thick specimen is alike at all depths, and reaches beyond the stack. A thin one lies in one plane at z_0; its E is
what phase diversity minimises where the object is eliminated (Gonsalves 1982; Blanc, Mugnier, Idier, J. Opt. Soc. Am. A
20, 1035 (2003)), with the noise as the regularisation. Joint maximisation over scene and wavefront has no such
guarantee: with as many unknowns as data it prefers whatever PSF makes the scene easy.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from napari_deepblur.identification.volumes.cross_spectra import CrossSpectra
from napari_deepblur.identification.volumes.scenes import SceneBasis, scene_basis
from napari_deepblur.optics import Microscope, TransferModel, transfer, transfer_model

Specimen = Literal["thin", "thick"]

_INDEPENDENT = 0.3
"""Windows that count as independent, of each half-overlapping one."""

_BEYOND = 16.0
"""Depths of focus beyond the stack that the axial frequencies resolve."""


class Unknowns(NamedTuple):
    """What is found together.

    Attributes
    ----------
    theta
        Coefficients in waves RMS, shape (K,).
    scene
        Coefficients of the scene's spectrum, shape (A,).
    focus
        z_0 of a thin specimen, in pixel lengths from the middle of the stack, shape ().
    """

    theta: Tensor
    scene: Tensor
    focus: Tensor


class Marginal:
    """The energy of a stack as a function of the unknowns, for one kind of specimen.

    Parameters
    ----------
    spectra
        What the stack says.
    numbers
        Number of each plane in the stack, rising, shape (Z,): some may be missing.
    step
        Distance of the planes in pixel lengths, signed; height zero is in the middle between the first and the last.
    microscope, modes
        The optics, and the Noll indices of theta.
    specimen
        ``"thin"`` or ``"thick"``.
    """

    def __init__(
        self,
        spectra: CrossSpectra,
        numbers: Tensor,
        step: float,
        microscope: Microscope,
        modes: tuple[int, ...],
        specimen: Specimen,
    ) -> None:
        depth_of_focus = microscope.wavenumber / microscope.cutoff**2
        heights = (numbers - (numbers[0] + numbers[-1]) / 2) * step
        span = float((heights[-1] - heights[0]).abs())
        finest = 1 / (2 * span + _BEYOND * depth_of_focus)
        self.heights = heights
        self._optics: TransferModel = transfer_model(microscope.pupil, modes, spectra.frequencies, finest)
        self.scenes: SceneBasis = scene_basis(spectra.frequencies, self._optics.axial, microscope.cutoff)
        self._spectra, self._thin = spectra, specimen == "thin"
        self._seen = spectra.planes.to(torch.complex128)
        self._weight = _INDEPENDENT * spectra.windows
        self._lag = numbers[:, None] - numbers
        lags = torch.arange(int(self._lag.max()) + 1) * step
        self._waves, self._lags = (
            torch.exp(2j * math.pi * self._optics.axial[:, None] * length) for length in (heights, lags)
        )

    def begin(self, theta: Tensor, focus: float = 0.0) -> Unknowns:
        """Return unknowns with the expected spectrum, as bright as the stack."""
        scene = self.scenes.mean.clone()
        start = Unknowns(theta, scene, torch.tensor(focus))
        expected = _trace(self.covariance(start))
        there = (_trace(self._spectra.planes) - len(self._waves.T)).clamp_min(0)
        scene[0] = (there.sum().clamp_min(1e-6) / expected.sum().clamp_min(1e-12)).log()
        return start

    def covariance(self, unknowns: Unknowns) -> Tensor:
        """C, complex, shape (F, Z, Z); differentiable."""
        field = transfer(unknowns.theta, self._optics)
        power = self.scenes.spectrum(unknowns.scene, field.shape[1])
        scale = self._spectra.scale
        if self._thin:
            # The spectrum of a plane is that of a volume at zeta = 0.
            field = field * torch.exp(-2j * math.pi * self._optics.axial * unknowns.focus)
            planes = (field @ self._waves) * power[:, field.shape[1] // 2, None].sqrt() * scale
            return self._mixed(planes[:, :, None] * planes[:, None].conj())
        dense = power * (field.real.square() + field.imag.square()) / self._optics.step
        lags = self._mixed_power(dense).to(self._lags.dtype) @ self._lags
        pairs = lags[:, self._lag.abs()]
        return torch.where(self._lag >= 0, pairs, pairs.conj()) * scale[:, None] * scale

    @torch.no_grad()
    def judge(self, covariance: Tensor) -> tuple[float, Tensor]:
        """E, and its derivative by C, complex, shape (F, Z, Z): n ((C + 1)^-1 - (C + 1)^-1 Y (C + 1)^-1)."""
        # A bright scene is a million times as strong as its noise, and the inverse tells both: double precision.
        model = covariance.to(torch.complex128) + torch.eye(covariance.shape[-1])
        factor, failed = torch.linalg.cholesky_ex(model)
        if bool(failed.any()):
            return math.inf, torch.zeros_like(covariance)
        inverse = torch.cholesky_inverse(factor)
        seen = inverse @ self._seen
        logarithm = 2 * factor.diagonal(dim1=-2, dim2=-1).real.log().sum(-1)
        energy = float((logarithm + _trace(seen)).sum())
        return self._weight * energy, self._weight * (inverse - seen @ inverse)

    def _mixed(self, covariance: Tensor) -> Tensor:
        """Return what a window sees of covariances (F, Z, Z)."""
        total = torch.zeros_like(covariance)
        for index, share, conjugate in zip(
            self._spectra.neighbours, self._spectra.shares, self._spectra.conjugate, strict=True
        ):
            near = covariance[index]
            near = torch.where(conjugate[:, None, None], near.conj(), near)
            total = total + share[:, None, None] * near
        return total

    def _mixed_power(self, power: Tensor) -> Tensor:
        """Return what a window sees of spectra (F, B); zeta and -zeta change places where f and -f do."""
        total = torch.zeros_like(power)
        for index, share, conjugate in zip(
            self._spectra.neighbours, self._spectra.shares, self._spectra.conjugate, strict=True
        ):
            near = power[index]
            total = total + share[:, None] * torch.where(conjugate[:, None], near.flip(-1), near)
        return total


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).real.sum(-1)
