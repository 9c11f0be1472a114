"""Blind identification: from one image to the operator that blurred it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.io.images import check_image
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.devices import resolve_device
from napari_deepblur.pipeline.identification.field import identify_field_steps
from napari_deepblur.pipeline.identification.network_choice import load_for
from napari_deepblur.pipeline.identification.zernike import identify_zernike_steps
from napari_deepblur.pipeline.results import Identification
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
    return finished(identify_steps(checked, family, noise, resolve_device(device), network, origin))


def identify_steps(
    image: NDArray[np.float32],
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
    origin: tuple[int, int] = (0, 0),
) -> Generator[Progress, None, Identification]:
    """Identify the blur step by step, yielding progress after each part of the field.

    Parameters
    ----------
    image
        Checked image in its own units, float32, shape (H, W).
    family, noise, origin
        As in `identify`.
    device, network
        Where to compute, and with what; None for a measured family that no network was adapted to.

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
        found = yield from identify_zernike_steps(image, zernike, noise, device, network)
    else:
        found = yield from identify_field_steps(image, family, noise, device, network, origin)
    return found
