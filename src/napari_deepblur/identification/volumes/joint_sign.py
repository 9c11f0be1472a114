"""Which of h(x, y, z) and h(-x, -y, -z) it is: their three-dimensional spectra are the same.

Deconvolved with the right one, a volume has few and clean edges, and rises from a dark ground; with the mirrored one
edges are smeared by the phase of H squared. Two numbers tell: the sparsity of the gradients in the planes, their mean
over their root mean square, which is smaller for the right one, and the skewness, which is larger (`orientation` does
the same for one plane).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from napari_deepblur.optics import Microscope, psf_model, zernike_psf

_REGULARIZATIONS = (0.01, 0.001)
"""Floors of |H|^2, relative to its largest value: the finer one hears more, and more noise."""

_MOST = 256
"""Side of the part that is looked at, in pixels."""

_TAPER = 24
_PSF_SIZE = 65
_CERTAINTY = (200.0, 0.0, 100.0, 10.0)
"""Logarithmic odds for each unit of evidence, in its order."""


def mirror_log_odds(
    stack: NDArray[np.float32], theta: Tensor, microscope: Microscope, modes: tuple[int, ...], step: float
) -> float:
    """Logarithm of the odds of a PSF against its mirror image; arguments as in `mirror_evidence`."""
    return float(mirror_evidence(stack, theta, microscope, modes, step) @ np.array(_CERTAINTY))


def mirror_evidence(
    stack: NDArray[np.float32], theta: Tensor, microscope: Microscope, modes: tuple[int, ...], step: float
) -> NDArray[np.float64]:
    """Compare a volume deconvolved with a PSF and with its mirror image.

    Parameters
    ----------
    stack
        Planes, shape (Z, H, W).
    theta
        Coefficients in waves RMS, shape (K,).
    microscope, modes
        Their optics, and Noll indices.
    step
        Distance of the planes in pixel lengths, signed.

    Returns
    -------
    ndarray
        By how much the PSF leaves sparser gradients than its mirror image, and more skewness, relative to both, at the
        coarser regularisation and then at the finer one; shape (4,). Positive for the PSF.
    """
    planes, height, width = stack.shape
    rows, columns = (slice((n - min(n, _MOST)) // 2, (n - min(n, _MOST)) // 2 + min(n, _MOST)) for n in (height, width))
    part = stack[:, rows, columns]
    height, width = part.shape[1:]
    fading = [_fading(length) for length in (height, width)]
    part = (part - part.mean((1, 2), keepdims=True)) * (fading[0][:, None] * fading[1])
    depth = fft.next_fast_len(2 * planes, real=True)
    spectrum = fft.rfftn(part, s=(depth, height, width))
    transfer = _transfer(theta, microscope, modes, step, (depth, height, width))
    power = np.square(transfer.real) + np.square(transfer.imag)
    border = min(_TAPER + 8, height // 4, width // 4)
    found = []
    for floor in _REGULARIZATIONS:
        gain = spectrum / (power + floor * power.max())
        pair = []
        for filtered in (transfer.conj() * gain, transfer * gain):
            restored = fft.irfftn(filtered, s=(depth, height, width))[:planes]
            pair.append(_shape_of(restored[:, border:-border, border:-border]))
        (sparsity, skewness), (mirrored_sparsity, mirrored_skewness) = pair
        found.append((mirrored_sparsity - sparsity) / (mirrored_sparsity + sparsity))
        found.append((skewness - mirrored_skewness) / (abs(skewness) + abs(mirrored_skewness) + 1e-9))
    return np.array(found)


def _shape_of(volume: NDArray[np.float32]) -> tuple[float, float]:
    """Sparsity of the gradients, and skewness."""
    down = volume[:, 1:, :-1] - volume[:, :-1, :-1]
    right = volume[:, :-1, 1:] - volume[:, :-1, :-1]
    square = np.square(down) + np.square(right)
    centred = volume - volume.mean()
    deviation = float(np.square(centred).mean()) ** 0.5
    sparsity = float(np.sqrt(square).mean()) / max(float(square.mean()) ** 0.5, 1e-12)
    return sparsity, float((centred**3).mean()) / max(deviation**3, 1e-12)


def _transfer(
    theta: Tensor, microscope: Microscope, modes: tuple[int, ...], step: float, shape: tuple[int, int, int]
) -> NDArray[np.complex64]:
    """Transfer function of a periodic volume, the PSF's centre at its origin."""
    depth, height, width = shape
    z = step * torch.from_numpy((np.arange(depth) + depth // 2) % depth - depth // 2).float()
    size = min(_PSF_SIZE, height - 1 + height % 2, width - 1 + width % 2)
    model = psf_model(microscope.pupil, modes, size, float(z.abs().max()), coarse=True)
    psfs = zernike_psf(theta.expand(depth, -1), model, z).numpy()
    centred = np.zeros(shape, np.float32)
    centred[:, :size, :size] = psfs
    return np.asarray(fft.rfftn(np.roll(centred, (-(size // 2), -(size // 2)), (1, 2))), dtype=np.complex64)


def _fading(length: int) -> NDArray[np.float32]:
    ramp = min(_TAPER, length // 4)
    window = np.ones(length, dtype=np.float32)
    window[:ramp] = np.linspace(0, 1, ramp)
    window[length - ramp :] = window[:ramp][::-1]
    return window
