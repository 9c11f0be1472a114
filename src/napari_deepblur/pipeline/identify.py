"""Blind identification: from one image to the operator that blurred it."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from napari_deepblur.io.images import check_image
from napari_deepblur.io.weights import load_identification
from napari_deepblur.pipeline.devices import inference_precision, resolve_device
from napari_deepblur.pipeline.intensity import unit_scale
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.networks.identification import Evidence, IdentificationNetwork, reference_cutoff
from napari_deepblur.networks.statistics import WINDOW, prepare
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.pipeline.resampling import resample
from napari_deepblur.pipeline.results import Identification, Progress

if TYPE_CHECKING:
    import os

_AREA_SIDE = 512
"""Side, at the reference cut-off, of the areas whose evidence is gathered at a time."""


def identify(
    image: ArrayLike,
    family: ZernikeFamily,
    noise: PoissonGaussianNoise | None = None,
    device: str = "auto",
    weights: str | os.PathLike[str] | None = None,
) -> Identification:
    """Identify the blur of one image.

    theta_hat = IN(y), with the evidence pooled over the whole field.

    Parameters
    ----------
    image
        Observed image, shape (H, W), any numeric type and unit.
    family
        Operators that are considered.
    noise
        Noise in the units of the image; estimated from it where absent.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    weights
        ``"light"``, ``"paper"`` or a file of identification weights; by default the best that is installed.

    Returns
    -------
    Identification
        Parameters with error bars, and the PSFs.

    Raises
    ------
    ImageError, NoiseError, FamilyError, DeviceError, WeightsError
        Each says what was found, what was expected and what to do.
    """
    checked = check_image(image, smallest=family.psf_size)
    steps = identify_steps(checked, family, noise, resolve_device(device), load_identification(weights))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Identification = stop.value
            return result


def identify_steps(
    image: NDArray[np.float32],
    family: ZernikeFamily,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: IdentificationNetwork,
) -> Generator[Progress, None, Identification]:
    """Identify the blur step by step, yielding progress after each part of the field.

    Parameters
    ----------
    image
        Checked image in its own units, float32, shape (H, W).
    family, noise
        As in `identify`.
    device, network
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
    areas = _areas(*(max(round(length * factor), 1) for length in image.shape))
    total = len(areas) + 2
    yield Progress("noise", 0, total)
    if noise is None:
        noise = estimate_noise(image, family.microscope)
    yield Progress("identify", 1, total)
    pixels, level = resample(scale.to_unit(image), scale.noise_to_unit(noise), factor)
    views = prepare(torch.from_numpy(_at_least(pixels, WINDOW)).to(device)[None, None])
    network = network.to(device, memory_format=torch.channels_last).eval()
    evidence: Evidence | None = None
    for done, (rows, columns) in enumerate(areas, start=2):
        with torch.inference_mode(), inference_precision(device):
            part = network.gather(views.pixels[..., rows, columns])
        evidence = part if evidence is None else evidence.plus(part)
        yield Progress("identify", done, total)
    assert evidence is not None
    amplitude = torch.zeros(1, len(network.config.modes), device=device)
    amplitude[0, chosen] = family.max_amplitude
    # A signal offset, such as a camera's bias, carries no shot noise.
    views = views._replace(mean=(views.mean - level.offset).clamp_min(0))
    with torch.inference_mode(), inference_precision(device):
        prediction = network.decide(
            evidence, views, torch.tensor([[level.alpha, level.beta]], device=device), amplitude
        )
    candidates, weights = prediction.candidates[0][:, chosen].cpu(), prediction.log_weights[0].exp().cpu()
    psf = (weights[:, None, None] * family.psf_tensor(candidates)).sum(0)
    return Identification(
        theta=prediction.theta[0, chosen].cpu().numpy(),
        theta_std=prediction.log_std[0, chosen].exp().cpu().numpy(),
        psfs=psf.numpy()[None],
        points=np.array([[(length - 1) / 2 for length in image.shape]], dtype=np.float32),
        noise=noise,
        parameter_names=family.parameter_names,
        even_modes=family.even_modes,
    )


def _chosen_modes(family: ZernikeFamily, network: IdentificationNetwork) -> list[int]:
    unknown = sorted(set(family.modes) - set(network.config.modes))
    if unknown:
        raise FamilyError(
            f"The identification network knows Noll modes {', '.join(map(str, network.config.modes))}, but the family "
            f"also has {', '.join(map(str, unknown))}. Leave these out, or train a network for them."
        )
    return [network.config.modes.index(j) for j in family.modes]


def _at_least(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mirror images that are smaller than one window."""
    missing = [max(side - length, 0) for length in image.shape]
    return np.pad(image, [(0, m) for m in missing], mode="symmetric") if any(missing) else image


def _areas(height: int, width: int) -> list[tuple[slice, slice]]:
    """Partition of the field into nearly equal areas, none smaller than a window."""

    def parts(length: int) -> list[slice]:
        count = max(1, round(length / _AREA_SIDE))
        edges = np.linspace(0, max(length, WINDOW), count + 1).round().astype(int).tolist()
        return [slice(a, b) for a, b in pairwise(edges)]

    return [(rows, columns) for rows in parts(height) for columns in parts(width)]
