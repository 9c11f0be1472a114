"""The sample image in napari's File menu."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from napari_deepblur.io.images import read_image, read_pixel_size_um
from napari_deepblur.samples import sample_microscope, sample_path
from napari_deepblur.widgets.layers import METADATA_KEY, LayerData


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
    arguments: dict[str, Any] = {
        "name": path.stem,
        "scale": (size_um, size_um),
        "units": ("um", "um"),
        # The dock fills its form from here, as it does from the record of a result.
        "metadata": {METADATA_KEY: {"settings": {"microscope": asdict(microscope)}}},
    }
    return [(read_image(path), arguments, "image")]
