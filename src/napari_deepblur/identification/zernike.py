"""Blind identification of a blur that is the same everywhere: the Zernike coefficients of one image."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.devices import inference_precision
from napari_deepblur.errors import FamilyError
from napari_deepblur.identification.orientation import mirror_advantage
from napari_deepblur.identification.posterior import Cloud, coefficients, oriented, spectral_share
from napari_deepblur.identification.resampling import resample
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.spectral_fit import SpectralFit, spectral_fit
from napari_deepblur.identification.test_time_augmentation import decide_turned, gather_turned, plus
from napari_deepblur.identification.windows import at_least, partition
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, IdentificationNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW, prepare
from napari_deepblur.networks.trunk import Evidence, reference_cutoff
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Pupil, psf_model, zernike_psf
from napari_deepblur.progress import Progress

_AREA_SIDE = 512
"""Side, at the reference cut-off, of the areas whose evidence is gathered at a time."""

_FIT_STARTS, _FIT_STEPS, _FIT_STEPS_EACH = 12, 80, 10
"""Random starts and steps of the spectral fit, and how many of them count as one step of progress."""


_FIT_STD = 0.005
"""Error of a coefficient, in waves, of a spectral fit that has found the right valley; from training images."""


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
    total = 1 + len(areas) + _FIT_STEPS // _FIT_STEPS_EACH + 1
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
    amplitude = torch.zeros(1, len(network.config.modes), device=device)
    amplitude[0, chosen] = family.max_amplitude
    with torch.inference_mode(), inference_precision(device):
        noise_level = torch.tensor([[level.alpha, level.beta]], device=device)
        opinion = decide_turned(network, evidence, views, noise_level, amplitude)
    learned, points = (Cloud(c.theta[:, chosen], c.weights) for c in (opinion.cloud, opinion.points))

    # The fit is small, and faster on the processor than the launches of its kernels would be on a GPU.
    optics = psf_model(Pupil(reference_cutoff()), family.modes, REFERENCE_PSF_SIZE, coarse=True)
    variance = float(level.variance(views.mean.item()) / views.std.item() ** 2)
    fit: SpectralFit | None = None
    steps = spectral_fit(
        (evidence[0].periodogram[0] / evidence[0].counts[0]).cpu(),
        int(evidence[0].counts[0]),
        variance,
        optics,
        family.max_amplitude,
        scenes,
        guesses=points.theta,
        starts=_FIT_STARTS,
        steps=_FIT_STEPS,
    )
    for step, latest in enumerate(steps, start=1):
        fit = latest
        if step % _FIT_STEPS_EACH == 0:
            yield Progress("identify", 1 + len(areas) + step // _FIT_STEPS_EACH, total)
    assert fit is not None
    even = torch.from_numpy(family.even_modes)
    advantage = mirror_advantage(_middle(pixels), variance, zernike_psf(fit.theta, optics))
    fitted = oriented(fit, advantage, even)
    share = spectral_share(fit.usable)
    # The candidates are spread to make the best PSF on average; the error bars have their own outputs in the network.
    std = torch.cat((opinion.std[:, chosen], torch.full_like(fitted.theta, _FIT_STD)))
    theta, theta_std = coefficients(points.mixed_with(fitted, share), std, even)
    psf, spread = learned.mixed_with(fitted, share).psf_and_spread(family)
    yield Progress("identify", total, total)
    return Identification(
        theta=theta.numpy(),
        theta_std=theta_std.numpy(),
        psfs=psf.numpy()[None],
        psf_spread=np.array([spread], dtype=np.float32),
        points=np.array([[(length - 1) / 2 for length in image.shape]], dtype=np.float32),
        noise=noise,
        parameter_names=family.parameter_names,
        even_modes=family.even_modes,
    )


def _middle(image: NDArray[np.float32]) -> Tensor:
    """Cut out the middle, as much as is needed to tell orientations."""
    rows, columns = (slice(max(n - _AREA_SIDE, 0) // 2, max(n - _AREA_SIDE, 0) // 2 + _AREA_SIDE) for n in image.shape)
    return torch.from_numpy(np.ascontiguousarray(image[rows, columns]))


def _chosen_modes(family: ZernikeFamily, network: IdentificationNetwork) -> list[int]:
    unknown = sorted(set(family.modes) - set(network.config.modes))
    if unknown:
        raise FamilyError(
            f"The identification network knows Noll modes {', '.join(map(str, network.config.modes))}, but the family "
            f"also has {', '.join(map(str, unknown))}. Leave these out, or train a network for them."
        )
    return [network.config.modes.index(j) for j in family.modes]
