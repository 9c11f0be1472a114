"""What the network and the spectral fit believe together: a cloud of coefficient vectors with weights.

The PSF that is closest on average to the true one is the average PSF of the cloud, not the PSF of any of its members.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.identification.spectral_fit import SpectralFit
from napari_deepblur.operators import ZernikeFamily

_CERTAINTY = 400.0
"""Logistic slope from the relative difference of gradient sparsities to the odds of an orientation."""

_USABLE_LOW, _USABLE_HIGH = 0.1, 0.36
"""Usable shares of the spectrum between which the fit's weight rises from none to all."""


class Cloud(NamedTuple):
    """Coefficient vectors with weights.

    Attributes
    ----------
    theta
        Coefficients in waves, shape (N, K).
    weights
        Their weights, shape (N,), summing to one.
    """

    theta: Tensor
    weights: Tensor

    def psf_and_spread(self, family: ZernikeFamily) -> tuple[Tensor, float]:
        """Average PSF h_hat, shape (k, k), and its expected relative squared error, E |h - h_hat|^2 / |h_hat|^2."""
        psfs = family.psf_tensor(self.theta)
        mean = (self.weights[:, None, None] * psfs).sum(dim=0)
        errors = (psfs - mean).square().sum((-2, -1))
        return mean, float((self.weights * errors).sum() / mean.square().sum())

    def mixed_with(self, other: Cloud, share: float) -> Cloud:
        """Give `share` of all weight to the other cloud."""
        return Cloud(
            torch.cat((self.theta, other.theta)), torch.cat(((1 - share) * self.weights, share * other.weights))
        )


def oriented(fit: SpectralFit, advantage: Tensor, even: Tensor) -> Cloud:
    """Let the sparsity of the deconvolved image choose between each candidate and its mirror image.

    Parameters
    ----------
    fit
        Candidates from the power spectrum, which cannot tell h(x) from h(-x).
    advantage
        `mirror_advantage` of each candidate, shape (N,).
    even
        Mask (K,) of the even modes; h(-x) has the odd coefficients negated.

    Returns
    -------
    Cloud
        Twice as many candidates.
    """
    right = torch.sigmoid(-_CERTAINTY * advantage)
    weights = fit.log_weights.exp()
    mirrored = torch.where(even, fit.theta, -fit.theta)
    return Cloud(torch.cat((fit.theta, mirrored)), torch.cat((weights * right, weights * (1 - right))))


def spectral_share(usable: float) -> float:
    """Weight of the spectral fit against the network, from the usable share of the spectrum.

    It rises with the logarithm of the usable share, as found on training images (`benchmarks/ablation.py`): with no or
    little noise the fit is far ahead, in high noise it knows nothing, and between them the two err differently, so that
    their mixture is better than either.
    """
    rise = math.log(max(usable, 1e-6) / _USABLE_LOW) / math.log(_USABLE_HIGH / _USABLE_LOW)
    return min(max(rise, 0.0), 1.0)


def coefficients(cloud: Cloud, std: Tensor, even: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the coefficients of a cloud, modulo the joint sign of the even modes.

    Parameters
    ----------
    cloud
        Candidates; all are flipped to the side of the one with the largest weight.
    std
        Standard deviation of each candidate by itself, shape (N, K).
    even
        Mask (K,) of the even modes.

    Returns
    -------
    tuple
        Mean and standard deviation, shape (K,), by the law of total variance. Of the two signs that the even modes
        could have, the one that makes the first of them (defocus) positive is returned.
    """
    reference = cloud.theta[cloud.weights.argmax()]
    flipped = torch.where(even, -cloud.theta, cloud.theta)
    nearer = (flipped - reference).square().sum(1) < (cloud.theta - reference).square().sum(1)
    theta = torch.where(nearer[:, None], flipped, cloud.theta)
    weights = cloud.weights[:, None]
    mean = (weights * theta).sum(0)
    variance = (weights * (std.square() + (theta - mean).square())).sum(0)
    if bool(even.any()) and mean[even][0] < 0:
        mean = torch.where(even, -mean, mean)
    return mean, variance.sqrt()
