"""What is known of a blur once it is identified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_deepblur.identification.expectation import Expectation
    from napari_deepblur.noise import PoissonGaussianNoise

MOST_DRAWS = 32
"""Draws of the parameters that are kept."""


@dataclass(frozen=True)
class Identification:
    """An estimated blur operator.

    Attributes
    ----------
    theta
        Estimated parameters, shape (K,); for a Zernike family coefficients in waves RMS, the even modes known only
        up to one joint sign.
    theta_std
        Their standard deviations, shape (K,).
    psfs
        Estimated point spread functions of sum 1, shape (P, k, k). They are averages over the likely parameters,
        closer to the truth than the PSF of `theta` alone.
    psf_spread
        Their expected relative squared errors s = E |h - psf|^2 / |psf|^2, shape (P,); -10 log10(s / (1 + s)) is about
        the PSF SNR in decibels that is to be expected, too much of it where there is no noise.
    points
        Field positions (row, column) of the PSFs in pixels, shape (P, 2).
    noise
        The noise that was given or estimated, in the units of the image.
    parameter_names
        Names of the parameters.
    even_modes
        Parameters whose joint sign is not identifiable from one image, shape (K,), bool.
    units
        Unit of the parameters, in words; empty where they have none.
    notes
        Which pixels were set aside, in words.
    signs
        Numbers by which a right estimate can be told from a wrong one (`identification.signs`); none for families that
        vary over the field or were measured.
    expectation
        What follows from them; None where there are none.
    draws
        Parameters drawn from all that is believed, equally likely, shape (`MOST_DRAWS`, K); the joint sign of the even
        modes is either one.
    """

    theta: NDArray[np.float32]
    theta_std: NDArray[np.float32]
    psfs: NDArray[np.float32]
    psf_spread: NDArray[np.float32]
    points: NDArray[np.float32]
    noise: PoissonGaussianNoise
    parameter_names: tuple[str, ...]
    even_modes: NDArray[np.bool_]
    units: str = "waves RMS"
    notes: tuple[str, ...] = ()
    signs: Mapping[str, float] = field(default_factory=dict)
    expectation: Expectation | None = None
    draws: NDArray[np.float32] | None = None

    @property
    def psf(self) -> NDArray[np.float32]:
        """Mean PSF over the field, shape (k, k), sum 1."""
        mean: NDArray[np.float32] = self.psfs.mean(axis=0)
        return mean
