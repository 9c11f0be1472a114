"""Blind identification of a focal stack: what one image cannot tell, planes at known distances can."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.checked_image import check_image, masked_pixels
from napari_deepblur.errors import DeepblurError, FamilyError, ImageError, SettingsError
from napari_deepblur.identification.image import identify_image_steps
from napari_deepblur.identification.plane_signs import defocus_per_um, settle_signs
from napari_deepblur.identification.results import Identification
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.evidence import gather_evidence
from napari_deepblur.operators import OperatorFamily, ZernikeFamily
from napari_deepblur.progress import Progress, one_of


@dataclass(frozen=True)
class StackIdentification:
    """The blurs of all planes of a stack, with the joint sign of their even modes.

    Attributes
    ----------
    planes
        What each plane says by itself; the even coefficients of each have an arbitrary joint sign.
    theta
        Coefficients of each plane in waves RMS, the even ones with the sign of `sign_probability`, shape (Z, K).
    offsets_um
        Distance of each plane from the first, in micrometres, shape (Z,).
    sign_probability
        Between 0.5 and 1: how likely the joint sign is right against the opposite one, as far as the model holds.
    """

    planes: tuple[Identification, ...]
    theta: NDArray[np.float32]
    offsets_um: NDArray[np.float32]
    sign_probability: float


def identify_planes_steps(
    stack: NDArray[np.generic],
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
    scenes: SceneSpectra,
) -> Generator[Progress, None, StackIdentification]:
    """Identify a stack step by step.

    Each plane is identified by itself. Then theta_z = theta_0 + z d is fitted to the even coefficients of all planes
    with either joint sign, where d is the known defocus in waves per micrometre (`plane_signs`).

    Parameters
    ----------
    stack, plane_spacing_um
        As in `check_stack`.
    family, noise, device, network, scenes
        As in `identify_image_steps`.

    Returns
    -------
    StackIdentification
        As the value of the generator.

    Raises
    ------
    FamilyError, SettingsError, ImageError, NoiseError
        Those of `check_stack`, and those of a plane, with its number.
    """
    zernike = check_stack(stack, family, plane_spacing_um)
    found: list[Identification] = []
    for number, plane in enumerate(stack):
        try:
            image = check_image(plane, smallest=family.psf_size)
            evidence = gather_evidence(image, family.microscope, noise, masked_pixels(plane))
            steps = identify_image_steps(evidence, family, device, network, scenes)
            found.append((yield from one_of(steps, number, len(stack), f"{number + 1}/{len(stack)}")))
        except DeepblurError as error:
            raise type(error)(f"Z {number}: {error}") from error
    offsets = plane_spacing_um * np.arange(len(found))
    even = zernike.even_modes
    theta = np.stack([one.theta for one in found])
    std = np.stack([one.theta_std for one in found])
    known = zernike.known_wavefront
    signs = settle_signs((theta + known)[:, even], std[:, even], offsets, defocus_per_um(zernike)[even])
    signed = np.where(even, signs.signs[:, None] * (theta + known) - known, theta)
    probability = 1 / (1 + math.exp(-signs.log_odds))
    return StackIdentification(tuple(found), signed.astype(np.float32), offsets.astype(np.float32), probability)


def check_stack(stack: NDArray[np.generic], family: OperatorFamily, plane_spacing_um: float) -> ZernikeFamily:
    """Return the Zernike family of a stack whose planes can be identified together, or say what is wrong.

    Parameters
    ----------
    stack
        Planes, shape (Z, H, W), Z at least 2, in the order in which they were taken.
    family
        A Zernike family, the same blur over the field, with defocus (Noll 4).
    plane_spacing_um
        Distance of each plane from the one before, in micrometres in the immersion medium, signed.

    Raises
    ------
    FamilyError
        If the family is not of Zernike modes, or has no defocus.
    SettingsError
        If the spacing is zero or not finite.
    ImageError
        If the stack has not three axes, or less than two planes.
    """
    zernike = family.local
    if zernike is None or family.field_shape is not None or 4 not in zernike.modes:
        raise FamilyError(
            "The sign of the even modes follows from the known defocus between planes, for a Zernike family with "
            "defocus (Noll 4); this family has none. Identify the planes one by one, or choose a Zernike family with "
            "mode 4."
        )
    if not math.isfinite(plane_spacing_um) or plane_spacing_um == 0:
        raise SettingsError(
            f"The plane spacing is {plane_spacing_um:g} um, expected a distance other than zero, negative where the "
            "planes were taken the other way. Look it up in the file's metadata, or identify the planes one by one."
        )
    if stack.ndim != 3 or len(stack) < 2:
        raise ImageError(
            f"The stack has the shape {stack.shape}, expected at least two planes, (planes, rows, columns). One plane "
            "cannot tell the sign of the even modes: take `identify` for it."
        )
    return zernike
