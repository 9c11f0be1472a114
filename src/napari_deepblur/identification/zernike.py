"""Blind identification of a blur that is the same everywhere: the Zernike coefficients of one image."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.devices import inference_precision
from napari_deepblur.errors import FamilyError
from napari_deepblur.identification.orientation import mirror_advantage
from napari_deepblur.identification.out_of_focus import with_depth
from napari_deepblur.identification.posterior import (
    DESCENT_STEPS,
    Cloud,
    NetworkPrior,
    coefficients,
    error_bars,
    posterior_steps,
)
from napari_deepblur.identification.resampling import resample
from napari_deepblur.identification.results import MOST_DRAWS, Identification
from napari_deepblur.identification.signs import signs_foreseen, signs_of_belief, signs_of_question
from napari_deepblur.identification.spectral_energy import Band, SpectralEnergy
from napari_deepblur.identification.test_time_augmentation import decide_turned, gather_turned, plus
from napari_deepblur.identification.windows import at_least, partition
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, Given, IdentificationNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW, prepare
from napari_deepblur.networks.trunk import Evidence, reference_cutoff
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.noise.traces import find_traces
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.operators.families import HIGHEST_AMPLITUDE
from napari_deepblur.optics import psf_model
from napari_deepblur.progress import Progress, changed

_AREA_SIDE = 512
"""Side, at the reference cut-off, of the areas whose evidence is gathered at a time."""

_NAMED = 8
"""Modes that an error names, of any number."""

_STEPS_EACH = 10
"""Steps of the descent that count as one of progress."""


def identify_zernike_steps(
    image: NDArray[np.float32],
    family: ZernikeFamily,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: IdentificationNetwork,
    scenes: SceneSpectra,
) -> Generator[Progress, None, Identification]:
    """Identify the blur step by step, yielding progress after each part of the field.

    Parameters
    ----------
    image
        Checked image in its own units, float32, shape (H, W).
    family
        Operators that are considered.
    noise
        Noise in the units of the image; estimated from it where absent.
    device, network, scenes
        Where to compute, and with what.

    Returns
    -------
    Identification
        As the value of the generator.

    Raises
    ------
    FamilyError
        If the family has modes that the network does not know.
    """
    chosen = _chosen_modes(family, network)
    scale = unit_scale(image)
    factor = family.microscope.cutoff / reference_cutoff()
    height, width = (max(round(length * factor), 1) for length in image.shape)
    areas = partition((height, width), _AREA_SIDE)
    total = 1 + len(areas) + DESCENT_STEPS // _STEPS_EACH + 1
    yield Progress("noise", 0, total)
    if noise is None:
        noise = estimate_noise(image, family.microscope)
    yield Progress("identify", 1, total)
    pixels, level = resample(scale.to_unit(image), scale.noise_to_unit(noise), factor)
    pixels = at_least(pixels, WINDOW)
    network = network.to(device).eval()
    views = prepare(torch.from_numpy(pixels).to(device)[None, None])
    evidence: tuple[Evidence, ...] | None = None
    for done, (rows, columns) in enumerate(areas, start=2):
        with torch.inference_mode(), inference_precision(device):
            evidence = plus(evidence, gather_turned(network, views.pixels[..., rows, columns]))
        yield Progress("identify", done, total)
    assert evidence is not None
    known = torch.from_numpy(family.known_wavefront).float()
    given = given_of(family, network, level, device)
    with torch.inference_mode(), inference_precision(device):
        opinion = decide_turned(network, evidence, views, given)

    # What follows is small, and faster on the processor than the launches of its kernels would be on a GPU.
    prior = NetworkPrior(
        opinion.mean[:, chosen] - known,
        opinion.std[:, chosen],
        Cloud(opinion.cloud.theta[:, chosen] - known, opinion.cloud.weights),
        torch.from_numpy(family.even_modes),
        known,
        family.box,
    )
    pupil = replace(family.microscope.pupil, cutoff=reference_cutoff())
    optics = psf_model(pupil, family.modes, REFERENCE_PSF_SIZE, coarse=True)
    variance = float(level.variance(views.mean.item()) / views.std.item() ** 2)
    band = Band(REFERENCE_PSF_SIZE)
    periodogram = (evidence[0].periodogram[0] / evidence[0].counts[0]).cpu()
    energy = SpectralEnergy(periodogram, int(evidence[0].counts[0]), variance, band, scenes)
    middle = _middle(pixels)
    belief = yield from changed(
        posterior_steps(prior, energy, band, optics, lambda psfs: mirror_advantage(middle, variance, psfs)),
        lambda step: Progress("identify", 1 + len(areas) + step // _STEPS_EACH, total),
    )
    mixed = with_depth(belief, prior.candidates, opinion.out_of_focus)
    theta, theta_std = coefficients(mixed, prior)
    psf, spread = mixed.cloud.psf_and_spread(family)
    signs = signs_of_belief(belief, prior, energy, band, optics, family, theta_std, psf, spread)
    signs["out_of_focus"] = opinion.out_of_focus
    signs |= find_traces(image, family.microscope.cutoff, noise)._asdict()
    signs |= signs_of_question(family, image.shape)
    if opinion.odds is not None:
        signs |= signs_foreseen(opinion.odds)
    yield Progress("identify", total, total)
    return Identification(
        theta=theta.numpy(),
        theta_std=error_bars(theta_std, float(scale.noise_to_unit(noise).variance(0.25))).numpy(),
        psfs=psf.numpy()[None],
        psf_spread=np.array([spread], dtype=np.float32),
        points=np.array([[(length - 1) / 2 for length in image.shape]], dtype=np.float32),
        noise=noise,
        parameter_names=family.parameter_names,
        even_modes=family.even_modes,
        signs=signs,
        draws=mixed.cloud.draw(MOST_DRAWS, torch.Generator().manual_seed(0)).numpy(),
    )


def given_of(
    family: ZernikeFamily, network: IdentificationNetwork, noise: PoissonGaussianNoise, device: torch.device
) -> Given:
    """Say what the network is told of one image beside its pixels; the noise is that of what it sees."""
    chosen = _chosen_modes(family, network)
    known = torch.from_numpy(family.known_wavefront).float()
    amplitude = torch.zeros(1, len(network.config.modes), device=device)
    amplitude[0, chosen] = (family.box + known.abs()).clamp(max=HIGHEST_AMPLITUDE).to(device)
    return Given(
        torch.tensor([[noise.alpha, noise.beta]], device=device),
        amplitude,
        torch.tensor([[float(family.amplitude_is_stated)]], device=device),
        torch.tensor([[family.microscope.pupil.polarization]], device=device),
    )


def _middle(image: NDArray[np.float32]) -> Tensor:
    """Cut out the middle, as much as is needed to tell orientations."""
    rows, columns = (slice(max(n - _AREA_SIDE, 0) // 2, max(n - _AREA_SIDE, 0) // 2 + _AREA_SIDE) for n in image.shape)
    return torch.from_numpy(np.ascontiguousarray(image[rows, columns]))


def _chosen_modes(family: ZernikeFamily, network: IdentificationNetwork) -> list[int]:
    unknown = sorted(set(family.modes) - set(network.config.modes))
    if unknown:
        more = ", ..." if len(unknown) > _NAMED else ""
        raise FamilyError(
            f"The identification network knows Noll modes {', '.join(map(str, network.config.modes))}, but the family "
            f"also has {', '.join(map(str, unknown[:_NAMED]))}{more}. Leave these out, or train a network for them."
        )
    return [network.config.modes.index(j) for j in family.modes]
