"""The blurs that every method of restoration is given: identified, true, average, and from classical blind methods."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from benchmarks.identification.identified import Identifier, mean_family_psf
from benchmarks.simulation.images import Batch
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.pipeline import identify_steps
from napari_deepblur.progress import finished
from napari_deepblur.restoration.blur import Blur, ConvolutionBlur

Image = NDArray[np.float32]

ESTIMATED, TRUE, AVERAGE = "estimated", "true", "mean PSF"
"""Kinds of blur that every method is given."""

BLIND = {
    "l0 gradient": ("l0_gradient", "estimate_kernel_l0"),
    "Goldstein-Fattal": ("goldstein_fattal", "estimate_kernel_spectral"),
}
"""Classical blind estimates of the kernel: module in `benchmarks.baselines`, and function."""

_LARGEST_SHIFT = 6


class Observed(NamedTuple):
    """One test image with what is known and what was found about it.

    Attributes
    ----------
    image, sharp
        Blurred image of peak one, and sharp scene on the same pixels, shape (H, W).
    true
        True PSF, shape (k, k).
    noise
        As estimated from the image.
    blurs
        By kind.
    seconds
        Time that it took to find each blur.
    """

    image: Image
    sharp: Image
    true: Tensor
    noise: PoissonGaussianNoise
    blurs: Mapping[str, Blur]
    seconds: Mapping[str, float]


def observe(batch: Batch, identifier: Identifier, words: str, *, others: bool = True) -> list[Observed]:
    """Find all blurs for each image of a batch.

    Parameters
    ----------
    batch
        Test images.
    identifier
        What identifies; the noise is estimated by it.
    words
        Beside the progress bar.
    others
        Whether those of the blind methods of others are found, too.

    Returns
    -------
    list of Observed
        In the order of the batch.
    """
    average = average_blur(identifier.family)
    border = identifier.family.psf_size // 2
    blind = blind_methods() if others else {}
    observed = []
    for index in tqdm(range(len(batch.image)), desc=words, unit="image"):
        image, true = batch.image[index, 0].numpy(), batch.psf[index]
        start = time.perf_counter()
        steps = identify_steps(image, identifier.family, None, identifier.device, identifier.network)
        found = finished(steps)
        seconds = {ESTIMATED: time.perf_counter() - start, TRUE: 0.0, AVERAGE: 0.0}
        blurs = {
            ESTIMATED: ConvolutionBlur(torch.from_numpy(found.psf), float(found.psf_spread[0])),
            TRUE: ConvolutionBlur(true),
            AVERAGE: average,
        }
        for name, estimate in blind.items():
            start = time.perf_counter()
            kernel = estimate(image, identifier.family.psf_size, found.noise)
            seconds[name] = time.perf_counter() - start
            blurs[name] = ConvolutionBlur(nearest_shift(torch.from_numpy(np.array(kernel, np.float32)), true))
        sharp = batch.scene[index, 0, border:-border, border:-border].numpy()
        observed.append(Observed(image, sharp, true, found.noise, blurs, seconds))
    return observed


def average_blur(family: ZernikeFamily) -> ConvolutionBlur:
    """Mean PSF of the family, with its own expected error."""
    psf = mean_family_psf(family)
    others = family.psf_tensor(torch.from_numpy(family.sample(200, 1)))
    spread = (others - psf).square().sum((-2, -1)).mean() / psf.square().sum()
    return ConvolutionBlur(psf, float(spread))


def blind_methods() -> dict[str, Callable[[Image, int, PoissonGaussianNoise], Any]]:
    """Return the classical blind methods that are installed: (image, PSF size, noise) -> kernel (k, k)."""
    found: dict[str, Callable[[Image, int, PoissonGaussianNoise], Any]] = {}
    for name, (module, function) in BLIND.items():
        try:
            estimate = getattr(import_module(f"benchmarks.baselines.{module}"), function)
        except (ModuleNotFoundError, AttributeError):
            continue
        found[name] = _with_noise(estimate)
    return found


def _with_noise(estimate: Callable[..., Any]) -> Callable[[Image, int, PoissonGaussianNoise], Any]:
    def run(image: Image, size: int, noise: PoissonGaussianNoise) -> Any:
        options: dict[str, float] = {}
        if "noise_std" in inspect.signature(estimate).parameters:
            # One standard deviation for the whole image: that at its mean intensity.
            options["noise_std"] = float(np.sqrt(noise.variance(float(image.mean()))))
        return estimate(np.asarray(image, dtype=np.float64), size, **options)

    return run


def nearest_shift(kernel: Tensor, true: Tensor) -> Tensor:
    """Shift a kernel by whole pixels so that it is closest to the true PSF, and give it the sum 1.

    Blind methods cannot tell a shift of the kernel from one of the scene. This takes the truth to help them.

    Parameters
    ----------
    kernel, true
        Shape (k, k).

    Returns
    -------
    Tensor
        Shape (k, k); what leaves the square is lost.
    """
    k, reach = true.shape[-1], _LARGEST_SHIFT
    padded = torch.nn.functional.pad(kernel, (reach, reach, reach, reach))
    shifts = [(i, j) for i in range(2 * reach + 1) for j in range(2 * reach + 1)]
    moved = torch.stack([padded[i : i + k, j : j + k] for i, j in shifts])
    moved = moved / moved.sum((-2, -1), keepdim=True).clamp_min(1e-12)
    return moved[(moved - true).square().sum((-2, -1)).argmin()]
