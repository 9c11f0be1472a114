"""The sample image in napari's File menu."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

from napari_deepblur.errors import ImageError
from napari_deepblur.io.images import read_image, read_pixel_size_um
from napari_deepblur.widgets.layers import LayerData


def load_sample() -> list[LayerData]:
    """Load the blurred microscopy image that comes with the package.

    Returns
    -------
    list
        One image layer, with its pixel size as scale and units.

    Raises
    ------
    ImageError
        If the package was installed without it.
    """
    found = sorted(
        (entry for entry in (files("napari_deepblur") / "samples").iterdir() if entry.name.endswith((".tif", ".tiff"))),
        key=lambda entry: entry.name,
    )
    if not found:
        raise ImageError("The package holds no sample image, expected a TIFF file in its folder samples. Reinstall it.")
    with as_file(found[0]) as path:
        image, size_um = read_image(path), read_pixel_size_um(path)
    arguments: dict[str, Any] = {"name": path.stem.replace("_", " ")}
    if size_um is not None:
        arguments |= {"scale": (size_um, size_um), "units": ("um", "um")}
    return [(image, arguments, "image")]
