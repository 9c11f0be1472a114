"""The PSFs of an aberrated microscope, the same everywhere in the field."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.aberrations import AberrationFamily
from napari_deepblur.operators.families.convolution import ConvolutionFamily
from napari_deepblur.operators.families.facts import (
    DEFAULT_MODES,
    HIGHEST_AMPLITUDE,
    HIGHEST_MODE,
    LOWEST_AMPLITUDE,
    WIDEST_PSF,
    Amplitude,
)
from napari_deepblur.optics import (
    Microscope,
    as_microscope,
    is_even,
    mode_name,
    noll_to_nm,
    psf_model,
    zernike_projection,
    zernike_psf,
)


class ZernikeFamily(ConvolutionFamily, AberrationFamily):
    """Convolution with the PSF of an aberrated microscope (Model 2.3).

    h = |F[ 1(rho <= fc) exp(2 i pi sum_k theta_k Z_k(rho / fc, phi)) ]|^2, with Noll's orthonormal polynomials Z_k
    and theta in waves RMS. Even modes are identifiable only up to one joint sign (`optics.is_even`).

    Parameters
    ----------
    microscope
        The optics and the sampling.
    modes
        Noll indices, without piston and tilts, which do not blur.
    max_amplitude
        Coefficients are expected in [-max_amplitude, max_amplitude], in waves RMS. ``"auto"``: nobody states one; they
        are at most 0.3, and small ones are as likely as large ones on a logarithmic scale.
    psf_size
        Side of the PSF in pixels; odd.

    Raises
    ------
    FamilyError
        If modes repeat, blur nothing or are not Noll indices; if the amplitude is not positive and below one
        wave; if the PSF size is even or unreasonable.
    """

    def __init__(
        self,
        microscope: Microscope,
        modes: Sequence[int] = DEFAULT_MODES,
        max_amplitude: Amplitude = "auto",
        psf_size: int = 31,
    ) -> None:
        self.microscope = as_microscope(microscope)
        for j in modes:
            noll_to_nm(j)
            if j < 4:
                raise FamilyError(f"Noll mode {j} ({mode_name(j)}) does not blur: choose modes from 4 (defocus) on.")
            if j > HIGHEST_MODE:
                raise FamilyError(f"Noll mode {j} is too fine to be seen: choose modes up to {HIGHEST_MODE}.")
        self.modes = tuple(int(j) for j in modes)
        if not self.modes or len(set(self.modes)) < len(self.modes):
            raise FamilyError(f"modes are {self.modes}, expected different Noll indices such as 4, 5, ..., 11.")
        amplitude: Any = max_amplitude
        stated = not (isinstance(amplitude, str) and amplitude == "auto")
        if stated and (not isinstance(amplitude, Real) or not 0 < float(amplitude) <= 1):
            raise FamilyError(f"max_amplitude is {amplitude!r} waves RMS, expected a value in (0, 1] or 'auto'.")
        size: Any = psf_size
        if not isinstance(size, Integral) or int(size) > WIDEST_PSF:
            raise FamilyError(f"psf_size is {size!r} pixels, expected an odd whole number up to {WIDEST_PSF}.")
        self._amplitude: Amplitude = float(amplitude) if stated else "auto"
        self._model = psf_model(self.microscope.pupil, self.modes, int(psf_size))

    @property
    def kind(self) -> Literal["zernike"]:
        """``"zernike"``."""
        return "zernike"

    @property
    def max_amplitude(self) -> Amplitude:
        """Largest expected coefficient in waves RMS; ``"auto"`` where nobody states one."""
        return self._amplitude

    @property
    def psf_size(self) -> int:
        """Side k of the point spread functions, in pixels; odd."""
        return self._model.size

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the modes, such as ``"defocus"``."""
        return tuple(mode_name(j) for j in self.modes)

    @property
    def even_modes(self) -> NDArray[np.bool_]:
        """Mask (K,) of the modes whose joint sign one image cannot tell."""
        return np.array([is_even(j) for j in self.modes])

    @property
    def known_wavefront(self) -> NDArray[np.float64]:
        """Coefficients (K,) of what a mismatch of the indices adds to theta, as far as the modes describe it, in waves.

        One image knows the even modes of the sum up to one joint sign: theta and -theta - 2 `known_wavefront` there.
        """
        return zernike_projection(self.microscope.pupil.mismatch, self.modes)

    @property
    def local(self) -> ZernikeFamily:
        """The family itself."""
        return self

    @property
    def numbers(self) -> dict[str, Any]:
        """Modes, amplitude and size of the PSF."""
        return {"modes": self.modes, "max_amplitude": self.max_amplitude, "psf_size": self.psf_size}

    @property
    def theta_in_words(self) -> str:
        """What the K numbers are, for messages."""
        return f"one coefficient in waves for each of Noll {', '.join(map(str, self.modes))}"

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Draw coefficients; shape (n, K).

        They are uniform in [-a, a], where a is the stated amplitude. Where nobody states one, each vector has its own,
        log-uniform in [0.02, 0.3] waves RMS.
        """
        rng = np.random.default_rng(seed)
        sizes = self.sizes(n, seed)
        return rng.uniform(-sizes, sizes, (n, self.n_parameters)).astype(np.float32)

    def sizes(self, n: int, seed: int) -> NDArray[np.float64]:
        """Return the largest coefficient that each vector of `sample` may have, in waves RMS; shape (n, 1)."""
        if self.amplitude_is_stated:
            return np.full((n, 1), self.box)
        lowest, highest = np.log(LOWEST_AMPLITUDE), np.log(HIGHEST_AMPLITUDE)
        return np.exp(np.random.default_rng([seed, 1]).uniform(lowest, highest, (n, 1)))

    def psf_tensor(self, theta: Tensor) -> Tensor:
        """Point spread functions (..., k, k) of coefficients (..., K), differentiable, on theta's device."""
        return zernike_psf(theta, self._model.to(theta.device))
