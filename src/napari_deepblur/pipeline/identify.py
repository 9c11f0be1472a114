"""Identify the blur of an image or of a stack, with the networks and statistics that lie in files."""

from __future__ import annotations

from collections.abc import Generator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.checked_image import check_image, masked_pixels
from napari_deepblur.devices import resolve_device
from napari_deepblur.identification.image import identify_image_steps
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.stack import StackIdentification, check_stack, identify_planes_steps
from napari_deepblur.io.scene_spectra import load_scene_spectra
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.evidence import Evidence, gather_evidence
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.network_choice import load_for
from napari_deepblur.progress import Progress, finished

if TYPE_CHECKING:
    import os


def identify(
    image: ArrayLike,
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None = None,
    device: str = "auto",
    weights: str | os.PathLike[str] | None = None,
    origin: tuple[int, int] = (0, 0),
) -> Identification:
    """Identify the blur of one image.

    For a Zernike family the network's answer, with its evidence pooled over the whole field, is mixed with a fit to the
    power spectrum, whose weight grows as the noise shrinks. For a family that varies over the field, or that was
    measured, windows of the field are looked at, and the family's parameters are fitted to what was seen in them.

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
        ``"light"``, ``"paper"`` or a file of identification weights; by default those that were adapted to the family,
        or else the best that is installed.
    origin
        First pixel (row, column) of the image in the field, where it shows a part of it.

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
    network = load_for(family, weights)
    evidence = gather_evidence(checked, family.microscope, noise, masked_pixels(image))
    return finished(identify_evidence_steps(evidence, family, resolve_device(device), network, origin))


def identify_steps(
    image: NDArray[np.float32],
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
    origin: tuple[int, int] = (0, 0),
) -> Generator[Progress, None, Identification]:
    """Identify the blur of a checked image step by step; result and errors as in `identify`."""
    evidence = gather_evidence(image, family.microscope, noise)
    return identify_evidence_steps(evidence, family, device, network, origin)


def identify_evidence_steps(
    evidence: Evidence,
    family: OperatorFamily,
    device: torch.device,
    network: Trunk | None,
    origin: tuple[int, int] = (0, 0),
) -> Generator[Progress, None, Identification]:
    """Identify the blur step by step; arguments, result and errors as in `identify_image_steps`."""
    return identify_image_steps(evidence, family, device, network, _scene_spectra(), origin)


def identify_stack(
    stack: ArrayLike,
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None = None,
    device: str = "auto",
    weights: str | os.PathLike[str] | None = None,
) -> StackIdentification:
    """Identify the blur of each plane of a stack, and the joint sign of the even modes.

    Each plane is identified by itself. Then theta_z = theta_0 + z d is fitted to the even coefficients of all planes
    with either joint sign, where d is the known defocus in waves per micrometre (`plane_signs`). This is the model of a
    sample that is thin compared with the stack, seen at several distances from focus; how often the sign is right,
    for thin samples and thick ones, is measured by `benchmarks/stack_sign.py`. The PSFs do not depend on
    the joint sign.

    Parameters
    ----------
    stack
        Planes, shape (Z, H, W), Z at least 2, in the order in which they were taken.
    family
        A Zernike family, the same blur over the field, with defocus (Noll 4).
    plane_spacing_um
        Distance z of each plane from the one before, in micrometres in the immersion medium. Positive where the phase
        2 pi z sqrt((n/lambda)^2 - f^2) is added from plane to plane; negative for stacks taken the other way, which
        turns the sign of all even coefficients.
    noise, device, weights
        As in `identify`.

    Returns
    -------
    StackIdentification
        Signed coefficients, and how sure the sign is.

    Raises
    ------
    FamilyError
        If the family is not of Zernike modes, or has no defocus.
    SettingsError
        If the spacing is zero or not finite.
    ImageError, NoiseError, DeviceError, WeightsError
        As in `identify`, with the number of the plane.
    """
    planes = np.asanyarray(stack)
    check_stack(planes, family, plane_spacing_um)
    network = load_for(family, weights)
    return finished(identify_stack_steps(planes, family, plane_spacing_um, noise, resolve_device(device), network))


def identify_stack_steps(
    stack: NDArray[np.generic],
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
) -> Generator[Progress, None, StackIdentification]:
    """Identify a stack step by step; arguments, result and errors as in `identify_planes_steps`."""
    return identify_planes_steps(stack, family, plane_spacing_um, noise, device, network, _scene_spectra())


@cache
def _scene_spectra() -> SceneSpectra:
    """Read the statistics in the package, once."""
    return load_scene_spectra()
