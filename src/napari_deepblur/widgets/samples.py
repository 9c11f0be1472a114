"""The sample images in napari's File menu."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_deepblur.io.families import find_family, load_family
from napari_deepblur.io.images import read_image, read_pixel_size_um
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.samples import sample_microscope, sample_path
from napari_deepblur.samples.beads import bead_sample_microscope, bead_sample_path
from napari_deepblur.widgets.layers import METADATA_KEY

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope
    from napari_deepblur.widgets.layers import LayerData

_STEP_UM = 0.2
_FIELD_SEED = 3
_OFFSET, _COUNTS, _PHOTONS = 100.0, 4000.0, 1000.0


def load_sample() -> list[LayerData]:
    """Load the blurred microscopy image that comes with the package.

    Returns
    -------
    list
        One image layer, with its pixel size as scale and units, and the microscope that is assumed for it in its
        metadata.

    Raises
    ------
    ImageError
        If the package was installed without it, or it is damaged.
    """
    path, microscope = sample_path(), sample_microscope()
    size_um = read_pixel_size_um(path) or microscope.pixel_size_um
    return [(read_image(path), _arguments(path.stem, (size_um, size_um), microscope), "image")]


def load_beads() -> list[LayerData]:
    """Load a small simulated stack of beads, to try the calibration with.

    Returns
    -------
    list
        One image layer of three planes, 0.2 um apart.
    """
    path, microscope = bead_sample_path(), bead_sample_microscope()
    pixel = microscope.pixel_size_um
    return [(tifffile.imread(path), _arguments("beads", (_STEP_UM, pixel, pixel), microscope), "image")]


def load_field() -> list[LayerData]:
    """Blur a sharp picture as the demonstration microscope does, differently from place to place, and spoil it.

    Returns
    -------
    list
        The image, 512 x 512 pixels in camera counts with a thousand photons at the peak, and the sharp picture.
    """
    import skimage.color
    import skimage.data

    family = load_family(find_family("demonstration"))
    microscope = bead_sample_microscope() if family.microscope is None else family.microscope
    sharp = 1 - skimage.color.rgb2gray(skimage.data.immunohistochemistry()).astype(np.float32)
    scene = np.pad(sharp, family.psf_size // 2, mode="symmetric")
    blurred = family.operator(family.sample(1, _FIELD_SEED)[0], sharp.shape).forward(scene)
    noise = PoissonGaussianNoise(_COUNTS / _PHOTONS, 3.0, _OFFSET)
    counts = noise.sample(_OFFSET + _COUNTS * blurred / blurred.max(), _FIELD_SEED)
    scale = (microscope.pixel_size_um,) * 2
    arguments = _arguments("simulated field", scale, microscope)
    arguments["metadata"][METADATA_KEY]["settings"]["family"] = "demonstration"
    hidden = {**_arguments("simulated field, sharp", scale, microscope), "visible": False}
    truth = sharp * np.float32(_COUNTS / blurred.max()) + np.float32(_OFFSET)
    return [(truth, hidden, "image"), (counts.astype(np.float32), arguments, "image")]


def _arguments(name: str, scale: tuple[float, ...], microscope: Microscope) -> dict[str, Any]:
    return {
        "name": name,
        "scale": scale,
        "units": ("um",) * len(scale),
        "axis_labels": ("z", "y", "x")[-len(scale) :],
        # The dock fills its form from here, as it does from the record of a result.
        "metadata": {METADATA_KEY: {"settings": {"microscope": asdict(microscope)}}},
    }
