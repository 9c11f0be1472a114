"""Image files in napari: every format that this program reads becomes layers, with scale, units, optics and record."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.formats.format import Scene
from napari_deepblur.io.formats.tiff import TIFF
from napari_deepblur.io.ome_tiff import is_ome_tiff
from napari_deepblur.io.open_image import each_image, format_of, open_image
from napari_deepblur.io.records import kept_in
from napari_deepblur.widgets.layer_acquisition import ACQUISITION_KEY
from napari_deepblur.widgets.layer_placement import placed_as_saved, placed_as_stated
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.reader_paths import Paths, each_path

if TYPE_CHECKING:
    from napari_deepblur.io.lazy_image import LazyImage
    from napari_deepblur.widgets.layers import LayerData

_SAID = {"na", "n_immersion", "wavelengths_um", "channels", "planes"}

_IN_MEMORY = 2**28
"""Bytes of an image from which on it is read as it is looked at."""

_CHUNK_SIDE = 2048
"""Rows and columns that are read together, of planes that are read by parts."""

_MOST_LAYERS = 24


def image_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the function that reads image files as layers, or None where one of the files is something else.

    Parameters
    ----------
    path
        One path, or several that the user opened together; its name is what napari calls it.
    """
    return read_image_layers if all(_is_known(one) for one in each_path(path)) else None


def read_image_layers(path: Paths) -> list[LayerData]:
    """Read image files as layers, one for each of their images.

    Parameters
    ----------
    path
        One path or several.

    Returns
    -------
    list
        Image layers. Those that napari saved through this program have the place, appearance, name and record of the
        layer that was saved; others the scale and units that their file states, and how they were taken in their
        metadata. A large image is a dask array, of which what is looked at is read, and a pyramid where its file has
        one.

    Raises
    ------
    ImageError
        If a file is damaged, or the package that reads its format is not installed.

    Warns
    -----
    AssumptionWarning
        If a file has more images than become layers: it says how the others are reached.
    """
    return [layer for one in each_path(path) for layer in _layers(one)]


def _is_known(path: str) -> bool:
    try:
        found = format_of(Path(path))
    except ImageError:
        return False
    # Other TIFF files napari reads itself, and the docks ask them for what it does not read.
    return is_ome_tiff(path) if found is TIFF else True


def _layers(path: str) -> list[LayerData]:
    kept = kept_in(path) or {}
    count, each = each_image(path, lambda scene: _layer(path, scene, kept))
    if count > _MOST_LAYERS:
        warnings.warn(
            f"{Path(path).name} holds {count} images, of which the first {_MOST_LAYERS} are opened. Each of the "
            "others is open_image(path, scene=NUMBER) of napari_deepblur.io.open_image, and --scene in the shell.",
            AssumptionWarning,
            stacklevel=2,
        )
    layers = list(islice(each, _MOST_LAYERS))
    for _, arguments, _ in layers[1:]:
        # They lie upon each other.
        arguments.setdefault("visible", False)
    return layers


def _layer(path: str, scene: Scene, kept: Mapping[str, Any]) -> LayerData:
    image = open_image(path, scene)
    acquisition = image.acquisition
    colour = image.axes.endswith("S") and image.shape[-1] in (3, 4)
    axes = image.axes.removesuffix("S") if colour else image.axes
    arguments: dict[str, Any] = {"name": image.name or Path(acquisition.source).stem, "rgb": colour}
    made = kept.get("metadata")
    if isinstance(made, Mapping):
        arguments["metadata"] = {METADATA_KEY: dict(made)}
    elif _SAID & set(acquisition.origins):
        arguments["metadata"] = {METADATA_KEY: {ACQUISITION_KEY: asdict(acquisition)}}
    saved = placed_as_saved(kept.get("layer"), len(axes))
    arguments |= placed_as_stated(acquisition, axes) if saved is None else saved
    if image.nbytes < _IN_MEMORY:
        with image:
            return np.asarray(image), arguments, "image"
    levels = _pyramid(image)
    if len(levels) > 1:
        return levels, {**arguments, "multiscale": True}, "image"
    return levels[0], arguments, "image"


def _pyramid(image: LazyImage) -> list[Any]:
    """Make an array of each level, of which napari reads what it draws; the file stays open as long as they live."""
    import dask.array

    from_array: Callable[..., Any] = dask.array.from_array
    try:
        coarser = image.coarser
    except ImageError as error:
        warnings.warn(f"Its pyramid is left out. {error}", AssumptionWarning, stacklevel=2)
        coarser = ()
    # A file is read by one thread at a time: what napari draws, and what a dock computes.
    lock = threading.Lock()
    return [from_array(level, chunks=_chunks(level), name=False, lock=lock) for level in (image, *coarser)]


def _chunks(image: LazyImage) -> tuple[int, ...]:
    leading = len(image.axes.removesuffix("S")) - 2
    most = _CHUNK_SIDE if image.reads_parts else max(image.shape)
    sides = [min(n, most) for n in image.shape[leading : leading + 2]]
    return (*[1] * leading, *sides, *image.shape[leading + 2 :])
