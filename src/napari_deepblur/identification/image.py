"""Blind identification: from one image to the operator that blurred it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.identification.clear_part import clear_part
from napari_deepblur.identification.field import identify_field_steps
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.telling_part import telling_part
from napari_deepblur.identification.zernike import identify_zernike_steps
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise.evidence import Evidence
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.plane import RegionPlane
from napari_deepblur.progress import Progress


def identify_image_steps(
    evidence: Evidence,
    family: OperatorFamily,
    device: torch.device,
    network: Trunk | None,
    scenes: SceneSpectra,
    origin: tuple[int, int] = (0, 0),
) -> Generator[Progress, None, Identification]:
    """Identify the blur step by step, yielding progress after each part of the field.

    Parameters
    ----------
    evidence
        The image in its own units, shape (H, W), its noise, and which pixels count. A blur that is the same everywhere
        is looked for in the largest part without wide regions that do not count (`clear_part`), and in a large image
        in the part that shows most (`telling_part`).
    family
        Operators that are considered.
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
    plane, noise = evidence.pixels, evidence.noise
    if family.field_shape is not None:
        # Its windows are read one by one.
        found = yield from identify_field_steps(plane, family, noise, device, network, scenes, origin)
        return replace(found, notes=evidence.notes) if evidence.notes else found
    image = _part(evidence, max(family.psf_size, WINDOW))
    zernike = family.local
    if zernike is not None and isinstance(network, IdentificationNetwork):
        found = yield from identify_zernike_steps(image, zernike, noise, device, network, scenes)
    else:
        found = yield from identify_field_steps(image, family, noise, device, network, scenes, origin)
    if image.shape != evidence.pixels.shape:
        middle = [(n - 1) / 2 + o for n, o in zip(evidence.pixels.shape, origin, strict=True)]
        found = replace(found, points=np.array([middle], dtype=np.float32))
    return replace(found, notes=evidence.notes) if evidence.notes else found


def _part(evidence: Evidence, smallest: int) -> NDArray[np.float32]:
    """Return the part that a blur is looked for in which is the same everywhere: of a large image never all of it."""
    plane, hidden = evidence.pixels, evidence.hidden
    if isinstance(plane, RegionPlane):
        place = telling_part(plane, evidence.noise, hidden)
        plane, hidden = plane[place], None if hidden is None or not hidden[place].any() else hidden[place]
    if hidden is None:
        return plane
    rows, columns = clear_part(np.asarray(hidden[:, :]), smallest)
    return np.ascontiguousarray(plane[rows, columns])
