"""What phase retrieval found in a bead stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import KnownPupil, Microscope, mode_name


@dataclass(frozen=True)
class PupilRetrieval:
    """A pupil, how sure it is, and the three-dimensional PSF that was measured beside the one of the pupil.

    Attributes
    ----------
    microscope
        The optics.
    modes
        Noll indices of the wavefront, K of them.
    theta, theta_std
        Its coefficients and their standard deviations in waves RMS, shape (K,): from Fisher's information, with the
        places, light and background of all beads unknown, and larger by the root of `misfit` where that is above 1.
    amplitude_modes
        Noll indices of the transmission, A of them; perhaps none.
    amplitude, amplitude_std
        Coefficients of the transmission 1 + sum c_j Z_j, and their standard deviations, shape (A,).
    noise
        Of the stack, given or estimated.
    plane_spacing_um
        Distance of the planes, signed.
    offsets_um
        Distance of each plane from the focus of the measured PSF, shape (Z,).
    measured, modelled
        PSFs of all planes, each of sum 1, the measured one without background, shape (Z, k, k).
    places
        Row, column and plane of each bead that was used, in pixels and planes, shape (N, 3).
    photons
        Light of each bead in each plane, in photons where the noise tells them and else in units of the stack, (N, Z).
    misfit
        Mean square of what is left of the pixels over what noise would leave: 1 where the pupil explains everything.
    psf_snr
        -10 log10(|measured - modelled|^2 / |measured|^2) over all planes, in decibels.
    noise_snr
        What it would be if noise alone told them apart.
    notes
        What a user should know about the beads and the result, in sentences.
    """

    microscope: Microscope
    modes: tuple[int, ...]
    theta: NDArray[np.float32]
    theta_std: NDArray[np.float32]
    amplitude_modes: tuple[int, ...]
    amplitude: NDArray[np.float32]
    amplitude_std: NDArray[np.float32]
    noise: PoissonGaussianNoise
    plane_spacing_um: float
    offsets_um: NDArray[np.float32]
    measured: NDArray[np.float32]
    modelled: NDArray[np.float32]
    places: NDArray[np.float64]
    photons: NDArray[np.float64]
    misfit: float
    psf_snr: float
    noise_snr: float
    notes: tuple[str, ...] = ()

    @property
    def pupil(self) -> KnownPupil:
        """The pupil itself, which `save_pupil` writes and volumes are deblurred with."""
        pairs = zip(self.amplitude_modes, self.amplitude.tolist(), strict=True)
        return KnownPupil(self.microscope, self.modes, tuple(self.theta.tolist()), tuple(pairs))

    @property
    def residual(self) -> NDArray[np.float32]:
        """Measured less modelled PSF, shape (Z, k, k)."""
        return self.measured - self.modelled

    @property
    def rms(self) -> float:
        """Root mean square of the wavefront, in waves."""
        return float(np.sqrt(np.square(self.theta, dtype=np.float64).sum()))

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the modes, such as ``"spherical"``."""
        return tuple(mode_name(j) for j in self.modes)
