"""A pupil whose wavefront and transmission are known: measured, not identified in the image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_deepblur.optics.microscope import Microscope
from napari_deepblur.optics.psf import psf_model, zernike_psf
from napari_deepblur.optics.psf_planes import PsfPlanesModel, psf_planes, psf_planes_model
from napari_deepblur.optics.pupil import Pupil


@dataclass(frozen=True)
class KnownPupil:
    """The pupil of one microscope: P(rho) (1 + sum_j c_j Z_j) exp(2 i pi sum_k theta_k Z_k).

    Attributes
    ----------
    microscope
        The optics, with the pixel size at which the pupil was measured.
    modes
        Noll indices of the wavefront, K of them.
    theta
        Its coefficients in waves RMS, K of them.
    amplitude
        Pairs (j, c_j) of the transmission; empty where it is that of an aplanatic objective.
    """

    microscope: Microscope
    modes: tuple[int, ...]
    theta: tuple[float, ...]
    amplitude: tuple[tuple[int, float], ...] = ()

    @property
    def pupil(self) -> Pupil:
        """The pupil without the wavefront."""
        return replace(self.microscope.pupil, amplitude=self.amplitude)

    @property
    def coefficients(self) -> Tensor:
        """The wavefront, in waves RMS, shape (K,)."""
        return torch.tensor(self.theta, dtype=torch.float32)

    def planes_model(self, size: int, step: float, reach: int) -> PsfPlanesModel:
        """Sample the pupil for the planes of a PSF, as `psf_planes_model` does."""
        return psf_planes_model(self.pupil, self.modes, size, step, reach)

    def planes(self, size: int, spacing_um: float, reach: int) -> Tensor:
        """PSF of 2 reach + 1 planes, each of sum 1, the focus in the middle one.

        Parameters
        ----------
        size
            Side in pixels, odd.
        spacing_um
            Distance of the planes in micrometres, signed.
        reach
            Planes on each side of the focus.

        Returns
        -------
        Tensor
            Shape (2 reach + 1, size, size).
        """
        step = spacing_um / self.microscope.pixel_size_um
        return psf_planes(self.coefficients, self.planes_model(size, step, reach))

    def psf(self, size: int) -> Tensor:
        """PSF in focus, of sum 1, shape (size, size)."""
        return zernike_psf(self.coefficients, psf_model(self.pupil, self.modes, size))
