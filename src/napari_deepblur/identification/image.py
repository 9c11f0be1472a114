"""Blind identification: from one image to the operator that blurred it."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.identification.field import identify_field_steps
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.zernike import identify_zernike_steps
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.progress import Progress


def identify_image_steps(
    image: NDArray[np.float32],
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
    scenes: SceneSpectra,
    origin: tuple[int, int] = (0, 0),
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
    device, network
        Where to compute, and with what; None for a measured family that no network was adapted to.
    scenes
        Statistics of the spectra of sharp scenes.
    origin
        First pixel (row, column) of the image in the field, where it shows a part of it.

    Returns
    -------
    Identification
        As the value of the generator.

    Raises
    ------
    FamilyError
        If the network does not know the family, or the image does not lie in its field.
    """
    zernike = family.local
    if zernike is not None and family.field_shape is None and isinstance(network, IdentificationNetwork):
        found = yield from identify_zernike_steps(image, zernike, noise, device, network, scenes)
    else:
        found = yield from identify_field_steps(image, family, noise, device, network, scenes, origin)
    return found
