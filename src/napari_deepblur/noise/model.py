"""The Poisson-Gaussian noise of a camera: variance, samples, and change of units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import NoiseError

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class PoissonGaussianNoise:
    """Signal-dependent Gaussian noise, var y = alpha max(u - offset, 0) + beta^2 for a noiseless image u.

    The parameters are in the intensity units of the image that they come with. `alpha` is one over the photons
    at the peak for an image in [0, 1], and the counts per photon for a camera's counts.

    Parameters
    ----------
    alpha
        Slope of the variance, at least 0.
    beta
        Standard deviation where there is no light, at least 0.
    offset
        Intensity of a pixel that receives no light.

    Raises
    ------
    NoiseError
        If a parameter is not a finite number, or `alpha` or `beta` is negative.

    Notes
    -----
    Source: A. Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE Transactions on Image Processing 17, 1737 (2008).
    """

    alpha: float
    beta: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        for name in ("alpha", "beta", "offset"):
            object.__setattr__(self, name, _finite(getattr(self, name), name))
        for name in ("alpha", "beta"):
            if getattr(self, name) < 0:
                raise NoiseError(
                    f"{name} is {getattr(self, name)}, expected at least 0: the variance is "
                    "alpha (u - offset) + beta^2. For an image without noise, give 0."
                )

    def variance(self, u: ArrayLike) -> NDArray[np.float64]:
        """Return the variance alpha max(u - offset, 0) + beta^2 at noiseless intensities `u`, same shape."""
        light = np.maximum(np.asarray(u, dtype=np.float64) - self.offset, 0.0)
        return np.asarray(self.alpha * light + self.beta**2)

    def sample(self, u: ArrayLike, seed: int | np.random.Generator) -> NDArray[np.float64]:
        """Draw one noisy image y = u + sqrt(variance(u)) eps, float64, reproducible from `seed`."""
        clean = np.asarray(u, dtype=np.float64)
        eps = np.random.default_rng(seed).standard_normal(clean.shape)
        return np.asarray(clean + np.sqrt(self.variance(clean)) * eps)

    def rescaled(self, gain: float, shift: float) -> PoissonGaussianNoise:
        """Noise of v = gain * u + shift: alpha * gain, beta * gain, offset * gain + shift.

        Parameters
        ----------
        gain
            Positive factor.
        shift
            Intensity added after the factor.

        Returns
        -------
        PoissonGaussianNoise
            The same noise in the units of v.

        Raises
        ------
        NoiseError
            If `gain` is not positive or a value is not finite.
        """
        gain, shift = _finite(gain, "gain"), _finite(shift, "shift")
        if gain <= 0:
            raise NoiseError(f"The gain is {gain}, expected a positive number.")
        return PoissonGaussianNoise(self.alpha * gain, self.beta * gain, self.offset * gain + shift)

    def referred_to(self, offset: float) -> PoissonGaussianNoise:
        """Noise with the same line of variance, written with another offset.

        beta^2 becomes alpha (offset - self.offset) + beta^2, or zero where that is negative. The variance is
        unchanged above both offsets if it is not. Meant for methods that know alpha and beta only: after an
        image was mapped to [0, 1], ``noise.rescaled(gain, shift).referred_to(0.0)``.
        """
        offset = _finite(offset, "offset")
        floor = self.alpha * (offset - self.offset) + self.beta**2
        return PoissonGaussianNoise(self.alpha, math.sqrt(max(floor, 0.0)), offset)


def sample_noise(u: Tensor, alpha: Tensor, beta: Tensor, generator: Generator | None = None) -> Tensor:
    """Draw noisy images on their device: y = u + sqrt(alpha max(u, 0) + beta^2) eps, eps standard normal.

    Parameters
    ----------
    u
        Noiseless images in [0, 1], shape (B, 1, H, W).
    alpha, beta
        Noise level of each image, shape (B,), in the units of `u`. Not checked: that would stop the device.
    generator
        Random generator on the device of `u`; the global one where absent.

    Returns
    -------
    Tensor
        Noisy images, shape (B, 1, H, W). Differentiable wherever the variance is not zero.
    """
    import torch

    per_image = (-1,) + (1,) * (u.ndim - 1)
    variance = alpha.reshape(per_image) * u.clamp_min(0) + beta.reshape(per_image).square()
    eps = torch.randn(u.shape, generator=generator, device=u.device, dtype=u.dtype)
    return u + variance.sqrt() * eps


def _finite(value: float, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise NoiseError(f"{name} is {value!r}, expected a number.") from None
    if not math.isfinite(number):
        raise NoiseError(f"{name} is {number}, expected a finite number.")
    return number
