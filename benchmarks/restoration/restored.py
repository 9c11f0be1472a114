"""Restoration of test images with given blurs, and how close the results come to the sharp scenes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.intensity import AffineScale, unit_scale
from napari_deepblur.progress import finished
from napari_deepblur.restoration.blur import Blur
from napari_deepblur.restoration.restore import choose_side, restore_steps
from napari_deepblur.restoration.restorers import Restorer

Image = NDArray[np.float32]


class Scores(NamedTuple):
    """Structural similarity, and peak signal-to-noise ratio in decibels, for a peak of one."""

    ssim: float
    psnr: float


def restore(
    image: Image, blur: Blur, noise: PoissonGaussianNoise, restorer: Restorer, device: torch.device
) -> tuple[Image, float]:
    """Restore one image as the pipeline does.

    Parameters
    ----------
    image
        Shape (H, W), in units of its own.
    blur
        PSF and its spread.
    noise
        In the units of the image.
    restorer
        The method.
    device
        Where to compute.

    Returns
    -------
    tuple
        Restored image in the same units, and seconds.
    """
    start = time.perf_counter()
    scale = unit_scale(image)
    shape = (image.shape[0], image.shape[1])
    side = choose_side("auto", shape, blur.psf_size, restorer, device)
    steps = restore_steps(scale.to_unit(image), blur, scale.noise_to_unit(noise), restorer, device, side)
    restored = finished(steps)
    return scale.from_unit(restored.image), time.perf_counter() - start


def restore_at(
    image: Image,
    blur: Blur,
    noise: PoissonGaussianNoise,
    restorer: Restorer,
    device: torch.device,
    iterations: tuple[int, ...],
) -> Mapping[int, Image]:
    """Restore one image in a single run, and return what it would be after each number of iterations.

    A method that converges sooner returns its last result for all larger numbers.
    """
    scale = unit_scale(image)
    level = scale.noise_to_unit(noise)
    pixels = torch.from_numpy(scale.to_unit(image)).to(device)[None, None]
    operator = blur.operator((image.shape[0], image.shape[1]), (0, 0), device)
    border = blur.psf_size // 2
    waiting = sorted(iterations)
    results: dict[int, Image] = {}
    latest: Tensor | None = None
    for step in restorer.steps(pixels, operator, (level.alpha, level.beta), blur.spread):
        latest = step.scene
        while waiting and step.iteration >= waiting[0]:
            results[waiting.pop(0)] = _cropped(latest, border, image.shape, scale)
        if not waiting:
            break
    assert latest is not None
    return results | {count: _cropped(latest, border, image.shape, scale) for count in waiting}


def _cropped(scene: Tensor, border: int, shape: tuple[int, ...], scale: AffineScale) -> Image:
    inner = scene[0, 0, border : border + shape[0], border : border + shape[1]]
    return scale.from_unit(inner.cpu().numpy())


def score(restored: Image, sharp: Image) -> Scores:
    """Compare with the sharp scene, both of shape (H, W) and in units of the blurred image's peak.

    PSNR = -10 log10( mean (x_hat - x)^2 ); SSIM (Wang et al. 2004) over windows of 7 x 7 pixels.
    """
    error = float(np.mean((restored.astype(np.float64) - sharp) ** 2))
    similarity = structural_similarity(restored, sharp.astype(restored.dtype), data_range=1.0)
    return Scores(float(similarity), -10 * float(np.log10(max(error, 1e-12))))
