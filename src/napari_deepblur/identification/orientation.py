"""Telling h(x) from h(-x), which have the same power spectrum.

Deconvolved with the right one, an image has few and clean edges; with the mirrored one, edges are smeared by the phase
of H squared. The sparsity of the gradients, their mean over their root mean square (D. Krishnan et al., CVPR 2011),
is smaller for the right one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_TAPER = 24
"""Pixels over which the image fades out at its borders."""

_FLOOR = 0.01
"""Regularisation of the deconvolution where there is no noise."""


def mirror_advantage(image: Tensor, noise_to_signal: float, psfs: Tensor) -> Tensor:
    """Compare the sparsity of an image deconvolved with each PSF and with its mirror image.

    Parameters
    ----------
    image
        Shape (H, W), any unit, neither side smaller than the PSF.
    noise_to_signal
        Variance of the noise over that of the image.
    psfs
        Candidates h, shape (N, k, k).

    Returns
    -------
    Tensor
        (s(h) - s(h mirrored)) / (s(h) + s(h mirrored)) with s the gradient sparsity, shape (N,): negative where h
        explains the image better than its mirror image.
    """
    height, width = image.shape
    taper = _fading(height, image)[:, None] * _fading(width, image)[None, :]
    spectrum = torch.fft.rfft2((image - image.mean()) / image.std() * taper)
    regularization = _FLOOR + 3 * noise_to_signal
    values = []
    for psf in psfs:
        # The PSF's centre sits at the origin: the two restored images must show the same place to be compared.
        half = psf.shape[-1] // 2
        centred = F.pad(psf, (0, width - psf.shape[-1], 0, height - psf.shape[-1])).roll((-half, -half), (0, 1))
        transfer = torch.fft.rfft2(centred)
        gain = 1 / (transfer.abs().square() + regularization)
        pair = torch.stack((transfer.conj(), transfer)) * gain * spectrum
        restored = torch.fft.irfft2(pair, s=(height, width))
        sparsity = _gradient_sparsity(restored, min(psf.shape[-1], height // 4, width // 4))
        values.append((sparsity[0] - sparsity[1]) / (sparsity[0] + sparsity[1]))
    return torch.stack(values)


def _gradient_sparsity(images: Tensor, border: int) -> Tensor:
    inside = images[..., border:-border, border:-border]
    down = inside[..., 1:, :-1] - inside[..., :-1, :-1]
    right = inside[..., :-1, 1:] - inside[..., :-1, :-1]
    size = torch.hypot(down, right)
    return size.mean((-2, -1)) / size.square().mean((-2, -1)).sqrt().clamp_min(1e-12)


def _fading(length: int, like: Tensor) -> Tensor:
    ramp = torch.linspace(0, 1, min(_TAPER, length // 4), device=like.device)
    window = torch.ones(length, device=like.device)
    window[: len(ramp)] = ramp
    window[length - len(ramp) :] = ramp.flip(0)
    return window
