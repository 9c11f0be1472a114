"""Patchwise restoration: each patch with one PSF of its own, the patches blended.

This is how space-varying blur is most often treated. Source: A. Shajkofci and M. Liebling, "Spatially-variant CNN-based
point spread function estimation for blind deconvolution and depth estimation in optical microscopy", IEEE Transactions
on Image Processing 29, 5848 (2020), with Richardson-Lucy regularised by total variation. There a network estimates the
PSF of each patch; here the PSFs are given, so that only the treatment of the field is compared.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.restoration.restored import Image, restore
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.restorers import SolverRestorer

PATCH = 128
"""Distance of the patches' middles, in pixels; each is blended with its neighbours over this distance."""


def restore_patchwise(
    image: Image,
    family: OperatorFamily,
    theta: NDArray[np.float32],
    noise: PoissonGaussianNoise,
    restorer: SolverRestorer,
    device: torch.device,
) -> Image:
    """Restore an image patch by patch, with the PSF in the middle of each.

    Parameters
    ----------
    image
        Shape (H, W), the whole field of the family.
    family, theta
        What the local PSFs are of.
    noise
        In the units of the image.
    restorer
        The method.
    device
        Where to compute.

    Returns
    -------
    ndarray
        Shape (H, W).
    """
    total, weight = np.zeros_like(image), np.zeros_like(image)
    reach = PATCH + family.psf_size // 2
    middles = [np.arange(PATCH / 2, side + PATCH / 2, PATCH) for side in image.shape]
    for middle in product(*middles):
        psf = family.psf(theta, [middle])[0]
        spans = [_around(m, reach, n) for m, n in zip(middle, image.shape, strict=True)]
        part = np.ascontiguousarray(image[spans[0], spans[1]])
        blur = ConvolutionBlur(torch.from_numpy(np.maximum(psf, 0) / np.maximum(psf, 0).sum()))
        restored, _ = restore(part, blur, noise, restorer, device)
        tents = [_tent(span, m) for span, m in zip(spans, middle, strict=True)]
        tent = np.outer(*tents).astype(np.float32)
        total[spans[0], spans[1]] += tent * restored
        weight[spans[0], spans[1]] += tent
    return total / weight


def _around(middle: float, reach: int, length: int) -> slice:
    return slice(max(int(middle) - reach, 0), min(int(middle) + reach, length))


def _tent(span: slice, middle: float) -> NDArray[np.float64]:
    """Weights that fall linearly from the middle of a patch to that of its neighbours, where they sum to one."""
    return np.clip(1 - np.abs(np.arange(span.start, span.stop) - middle) / PATCH, 0, None)
