"""What the pipeline returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.pipeline.blur import Blur
from napari_deepblur.pipeline.verdict import Verdict


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

    @property
    def psf(self) -> NDArray[np.float32]:
        """Mean PSF over the field, shape (k, k), sum 1."""
        mean: NDArray[np.float32] = self.psfs.mean(axis=0)
        return mean


@dataclass(frozen=True)
class Deblurring:
    """A restored image and how it was made.

    Attributes
    ----------
    image
        Restored image, float32, of the shape and in the units of the input.
    identification
        The blur that was identified on the way; absent where theta was given.
    settings
        JSON-safe record of everything needed to repeat the result.
    verdict
        Whether the result, blurred again, explains the image; absent where the image is hardly larger than the PSF.
    blur
        The blur that was removed.
    """

    image: NDArray[np.float32]
    identification: Identification | None
    settings: dict[str, Any]
    verdict: Verdict | None = None
    blur: Blur | None = None
