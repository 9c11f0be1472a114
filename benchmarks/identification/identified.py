"""Identification of many images, as a user would have it: nothing is known but the family."""

from __future__ import annotations

import time
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from tqdm import tqdm

from napari_deepblur.devices import inference_precision
from napari_deepblur.identification.resampling import resample
from napari_deepblur.identification.results import Identification
from napari_deepblur.networks.identification import Given, IdentificationNetwork
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import psf_snr
from napari_deepblur.pipeline import identify_steps
from napari_deepblur.progress import finished

Result = TypeVar("Result")

_MEAN_OF = 2000
"""Random PSFs whose average is the mean PSF: its own error is then 1 / 2000 of theirs."""


class Identifier(NamedTuple):
    """What identifies.

    Attributes
    ----------
    family
        The family that is assumed.
    network
        Identification network.
    device
        Where it runs.
    """

    family: ZernikeFamily
    network: IdentificationNetwork
    device: torch.device


class Found(NamedTuple):
    """What was found in N images.

    Attributes
    ----------
    identifications
        The pipeline's answers.
    seconds
        Time of each, shape (N,).
    network_psf
        PSFs of the network without the spectral fit, shape (N, k, k); None where they were not asked for.
    """

    identifications: tuple[Identification, ...]
    seconds: Tensor
    network_psf: Tensor | None

    @property
    def psf(self) -> Tensor:
        """Estimated PSFs, shape (N, k, k)."""
        return torch.stack([torch.from_numpy(found.psf) for found in self.identifications])

    @property
    def theta(self) -> Tensor:
        """Estimated coefficients, shape (N, K)."""
        return torch.stack([torch.from_numpy(found.theta) for found in self.identifications])

    @property
    def theta_std(self) -> Tensor:
        """Their standard deviations, shape (N, K)."""
        return torch.stack([torch.from_numpy(found.theta_std) for found in self.identifications])


def identify_images(
    images: Tensor, identifier: Identifier, *, with_network_alone: bool = False, bar: tqdm[None] | None = None
) -> Found:
    """Run the whole pipeline, noise estimate included, on each image.

    Parameters
    ----------
    images
        Shape (N, 1, H, W).
    identifier
        With what.
    with_network_alone
        Whether to run the network once more without the spectral fit, on the noise that was estimated.
    bar
        Advanced by one for each image.

    Returns
    -------
    Found
        `seconds` does not count the network's second run.
    """
    identifications, seconds, alone = [], [], []
    for image in images[:, 0]:
        start = time.perf_counter()
        steps = identify_steps(image.numpy(), identifier.family, None, identifier.device, identifier.network)
        identifications.append(finished(steps))
        seconds.append(time.perf_counter() - start)
        if with_network_alone:
            alone.append(network_psf(image, identifications[-1].noise, identifier))
        if bar is not None:
            bar.update(1)
    return Found(tuple(identifications), torch.tensor(seconds), torch.stack(alone) if alone else None)


def network_psf(image: Tensor, noise: PoissonGaussianNoise, identifier: Identifier) -> Tensor:
    """Average PSF (k, k) of the network's candidates for one image (H, W), without the spectral fit."""
    family, network, device = identifier
    scale = unit_scale(image.numpy())
    factor = family.microscope.cutoff / reference_cutoff()
    pixels, level = resample(scale.to_unit(image.numpy()), scale.noise_to_unit(noise), factor)
    chosen = [network.config.modes.index(j) for j in family.modes]
    amplitude = torch.zeros(1, len(network.config.modes), device=device)
    amplitude[0, chosen] = family.box
    given = Given(
        torch.tensor([[level.alpha, level.beta]], device=device),
        amplitude,
        torch.tensor([[float(family.amplitude_is_stated)]], device=device),
        torch.tensor([[family.microscope.pupil.polarization]], device=device),
    )
    with torch.inference_mode(), inference_precision(device):
        prediction = network.to(device)(torch.from_numpy(pixels)[None, None].to(device), given)
        psfs = family.psf_tensor(prediction.candidates[0][:, chosen].float().cpu())
        psf: Tensor = (prediction.log_weights[0].exp().cpu()[:, None, None] * psfs).sum(0)
    return psf


def mean_family_psf(family: ZernikeFamily, amplitude: float | None = None, seed: int = 0) -> Tensor:
    """Average of the PSFs of a family, shape (k, k): the best guess of whoever sees no image.

    Parameters
    ----------
    family
        The family.
    amplitude
        Half-width of the box that coefficients are drawn from; the family's own where absent.
    seed
        Of the draw.
    """
    scale = 1.0 if amplitude is None else amplitude / family.box
    theta = torch.from_numpy(family.sample(_MEAN_OF, seed)) * scale
    return torch.stack([family.psf_tensor(part).sum(0) for part in theta.split(50)]).sum(0) / _MEAN_OF


def snr_of_one(true: Tensor, guess: Tensor) -> Tensor:
    """PSF SNR (N,) of one guess (k, k) for all of N PSFs."""
    return psf_snr(true, guess.expand_as(true))
