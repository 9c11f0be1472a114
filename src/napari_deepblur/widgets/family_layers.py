"""Family files in napari: opened as layers of eigen-PSFs and maps, and saved from them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import DeepblurError, FamilyFileError, OutputError
from napari_deepblur.io.families import is_family_file, load_family, save_family
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.reader_paths import Paths, each_path

if TYPE_CHECKING:
    from napari_deepblur.widgets.layers import LayerData

_GAP = 0.1
"""Between the field and the eigen-PSFs beside it, as a share of the field's width."""


def family_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the function that reads a family file, or None where the file holds no family.

    Only headers are looked at: other safetensors files, perhaps of gigabytes, are left to other readers at once.

    Parameters
    ----------
    path
        One path, or several that the user opened together; its name is what napari calls it.
    """
    return read_families if all(is_family_file(one) for one in each_path(path)) else None


def read_families(path: Paths) -> list[LayerData]:
    """Read family files as layers.

    Parameters
    ----------
    path
        One path or several.

    Returns
    -------
    list
        For each family the maps, where it has some, and the eigen-PSFs, beside the field.

    Raises
    ------
    FamilyFileError
        If a file is damaged, newer than this program, or holds a Zernike family, which has no pictures.
    """
    return [layer for one in each_path(path) for layer in family_layers(one)]


def family_layers(path: str | os.PathLike[str]) -> list[LayerData]:
    """Read one family file as image layers.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list
        The maps (J, G, G'), stretched to the field, and the eigen-PSFs (I, k, k) to the right of it; both in
        micrometres where the family knows its pixel size, in pixels otherwise. A family of one blur everywhere has
        only the second.

    Raises
    ------
    FamilyFileError
        As `read_families`.
    """
    loaded = load_family(path)
    family = loaded.measured
    if family is None:
        raise FamilyFileError(
            f"{path} holds a family of the kind {loaded.kind}, which is a formula without eigen-PSFs that could be "
            "shown. It is of use all the same: choose the file as family in the Deblur dock."
        )
    pixel = family.pixel_size_um or 1.0
    unit = "um" if family.pixel_size_um else "pixel"
    record = {"family": str(Path(path).resolve())}
    shared: dict[str, Any] = {"units": ("pixel", unit, unit)}
    layers: list[LayerData] = []
    place = np.zeros(2)
    on_grid = family.tensors.get("maps")
    if on_grid is not None and family.field_shape is not None:
        field, grid = np.array(family.field_shape), np.array(on_grid.shape[1:])
        # From the first to the last pixel's centre; a map of one value covers the field whole.
        step = np.where(grid > 1, (field - 1) / np.maximum(grid - 1, 1), field)
        corner = np.where(grid > 1, 0.0, (field - 1) / 2)
        maps = {
            "name": f"{Path(path).stem} maps",
            "scale": (1.0, *(pixel * step)),
            "translate": (0.0, *(pixel * corner)),
            "colormap": "viridis",
            # Between the points of the grid lie cubic splines.
            "interpolation2d": "cubic",
            "metadata": {METADATA_KEY: {**record, "part": "maps"}},
            **shared,
        }
        layers.append((on_grid, maps, "image"))
        place = np.array([(field[0] - family.psf_size) / 2, (1 + _GAP) * field[1]])
    top = float(np.abs(family.eigen_psfs).max())
    psfs = {
        "name": f"{Path(path).stem} eigen-PSFs",
        "scale": (1.0, pixel, pixel),
        "translate": (0.0, *(pixel * place)),
        # Grey is zero: all but the first have both signs.
        "contrast_limits": (-top, top),
        "metadata": {METADATA_KEY: {**record, "part": "eigen_psfs"}},
        **shared,
    }
    layers.append((family.eigen_psfs, psfs, "image"))
    return layers


def write_family(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write the family whose layers these are to another file.

    What is written is the family as its own file has it, with everything that is not on show (observed parameters,
    microscope); edits of the layers' pixels are not.

    Parameters
    ----------
    path
        The new ``.safetensors`` file.
    layers
        Layers of one family, as `read_families` made them.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    OutputError
        If the layers are not those of one family, its file is gone, or the new one cannot be written. It is always an
        `OSError`: napari keeps silent about the errors of writers that are a `ValueError`.
    """
    found = {_family_of(attributes) for _, attributes, _ in layers}
    source = found.pop() if len(found) == 1 else None
    if source is None:
        names = ", ".join(repr(str(attributes.get("name"))) for _, attributes, _ in layers)
        raise OutputError(
            f"The layers {names} are not those of one family, so that {path} cannot be written. Select the layers of "
            "one family file, or write images as .tif."
        )
    try:
        save_family(load_family(source), path)
    except OutputError:
        raise
    except DeepblurError as error:
        raise OutputError(f"The family of these layers cannot be read again, to write {path}. {error}") from error
    return [path]


def _family_of(attributes: Mapping[str, Any]) -> str | None:
    record = attributes.get("metadata", {}).get(METADATA_KEY)
    family = record.get("family") if isinstance(record, Mapping) else None
    return family if isinstance(family, str) else None
