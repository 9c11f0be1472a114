"""Losses of the two networks."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_deepblur.networks.identification import Prediction
from napari_deepblur.optics import PsfModel, is_even, zernike_psf


def mean_psf(prediction: Prediction, optics: PsfModel) -> Tensor:
    """Average PSF of the candidates, sum_m w_m h(theta_m), shape (B, k, k)."""
    return mean_and_spread(prediction.candidates, prediction.log_weights.exp(), optics)[0]


def mean_and_spread(candidates: Tensor, weights: Tensor, optics: PsfModel) -> tuple[Tensor, Tensor]:
    """Average PSF h_hat = sum_m w_m h(theta_m) and its expected relative squared error.

    Parameters
    ----------
    candidates
        Coefficients in waves, shape (B, M, K).
    weights
        Their weights, shape (B, M).
    optics
        The microscope.

    Returns
    -------
    tuple
        h_hat, shape (B, k, k), and sum_m w_m |h(theta_m) - h_hat|^2 / |h_hat|^2, shape (B,).
    """
    psfs = zernike_psf(candidates, optics)
    mean = (weights[..., None, None] * psfs).sum(dim=1)
    distances = (psfs - mean[:, None]).square().sum((-2, -1))
    return mean, (weights * distances).sum(1) / mean.square().sum((-2, -1))


def psf_error(estimated: Tensor, true: Tensor) -> Tensor:
    """Relative squared error |h_hat - h|^2 / |h|^2 of each PSF, shape (B,)."""
    return (estimated - true).square().sum((-2, -1)) / true.square().sum((-2, -1))


def even_signs(modes: tuple[int, ...], device: torch.device) -> Tensor:
    """Factors (K,) of the flip that leaves the PSF as it is: -1 for even modes, +1 for odd ones."""
    return torch.tensor([-1.0 if is_even(j) else 1.0 for j in modes], device=device)


def depth_likelihood(prediction: Prediction, out_of_focus: Tensor) -> Tensor:
    """Cross-entropy of the share of light out of focus, shape (B,), above its least for this share."""
    p, q = (share.clamp(1e-3, 1 - 1e-3) for share in (out_of_focus, prediction.out_of_focus))
    return p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()


def theta_likelihood(prediction: Prediction, theta: Tensor, amplitude: Tensor, signs: Tensor) -> Tensor:
    """Negative Gaussian log-likelihood of the coefficients, modulo the joint sign of the even modes.

    The smaller of the two values for theta and its flip counts: a symmetric target would pull the even modes to zero.

    Returns
    -------
    Tensor
        Mean over the modes that are switched on, shape (B,), up to a constant.
    """
    active = (amplitude > 0).float()
    # In units of the box, so that wide and narrow boxes weigh the same.
    log_std = prediction.log_std - amplitude.clamp_min(1e-4).log()

    def value(target: Tensor) -> Tensor:
        error = (prediction.theta - target) / amplitude.clamp_min(1e-4)
        terms = log_std + 0.5 * (error * torch.exp(-log_std)).square()
        return (active * terms).sum(1) / active.sum(1).clamp_min(1)

    return torch.minimum(value(theta), value(theta * signs))
