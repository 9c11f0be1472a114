"""OME-TIFF in napari: layers saved with their place, optics and record, and opened as they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.axes import guess_axes
from napari_deepblur.io.ome_tiff import is_ome_tiff, read_ome_images, write_ome_tiff
from napari_deepblur.widgets.layer_acquisition import ACQUISITION_KEY, recorded_acquisition
from napari_deepblur.widgets.layers import METADATA_KEY

if TYPE_CHECKING:
    from napari_deepblur.io.ome_tiff import OmeImage
    from napari_deepblur.widgets.layers import LayerData

Paths = str | Sequence[str]

_PLACEMENT = ("scale", "translate", "rotate", "shear", "affine")
_APPEARANCE = ("contrast_limits", "gamma", "opacity", "blending")
_OPTICS = {"na", "n_immersion", "wavelengths_um", "channels"}
_SPATIAL = {"Y": 0, "X": 1}


def ome_tiff_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the function that reads OME-TIFF files, or None where one of the files is something else.

    Parameters
    ----------
    path
        One path, or several that the user opened together; its name is what napari calls it.
    """
    return read_ome_layers if all(is_ome_tiff(one) for one in _each(path)) else None


def read_ome_layers(path: Paths) -> list[LayerData]:
    """Read OME-TIFF files as layers, one for each of their images.

    Parameters
    ----------
    path
        One path or several.

    Returns
    -------
    list
        Image layers. Those that `write_ome_layer` wrote have the place, appearance, name and record of the layer that
        was saved; others the scale and units that the OME-XML states, and how they were taken in their metadata.

    Raises
    ------
    ImageError
        If a file is damaged.
    """
    return [_layer(image) for one in _each(path) for image in read_ome_images(one)]


def write_ome_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer as OME-TIFF.

    Parameters
    ----------
    path
        The new ``.ome.tif`` file.
    data
        Pixels; of a pyramid of resolutions all are written.
    attributes
        The layer's, as napari hands them to writers.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    OutputError
        If OME-TIFF has no place for the layer, or the file cannot be written. It is always an `OSError`: napari keeps
        silent about the errors of writers that are a `ValueError`.
    """
    array, *coarser = data if attributes.get("multiscale") else [data]
    record = attributes.get("metadata", {}).get(METADATA_KEY)
    try:
        axes = _axes(array.ndim, attributes)
    except ImageError as error:
        raise OutputError(f"{path} cannot be written. {error}") from error
    kept: dict[str, Any] = {"layer": _kept(attributes)}
    if record is not None:
        kept["metadata"] = record
    acquisition = _sampling(axes, attributes).or_else(recorded_acquisition(record))
    write_ome_tiff(path, array, acquisition, name=str(attributes.get("name", "")), record=kept, coarser=coarser)
    return [path]


def _each(paths: Paths) -> Sequence[str]:
    return [os.fspath(paths)] if isinstance(paths, str | os.PathLike) else paths


def _axes(ndim: int, attributes: Mapping[str, Any]) -> str:
    colour = bool(attributes.get("rgb"))
    axes = guess_axes(ndim - colour, attributes.get("axis_labels") or (), colour)
    # OME-TIFF stores rows and columns last; what else they are called comes back with the labels.
    return axes if axes.removesuffix("S").endswith("YX") else guess_axes(ndim - colour, (), colour)


def _sampling(axes: str, attributes: Mapping[str, Any]) -> Acquisition:
    """Pixel size and plane spacing that scale and units state, whatever the pixels' proportions."""
    sizes: dict[str, float] = {}
    for axis, scale, unit in zip(axes, attributes["scale"], attributes.get("units") or (), strict=False):
        if axis in "ZYX" and dict(unit.dimensionality) == {"[length]": 1}:
            # A layer that is mirrored has a negative scale.
            sizes[axis] = abs(float((float(scale) * unit).to("micrometer").magnitude))
    pixel = (sizes["Y"], sizes["X"]) if {"Y", "X"} <= set(sizes) else None
    return Acquisition(axes=axes, pixel_size_um=pixel, plane_spacing_um=sizes.get("Z"))


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what OME-XML has no words for, as JSON knows it."""
    kept = {name: np.asarray(attributes[name]).tolist() for name in (*_PLACEMENT, *_APPEARANCE) if name in attributes}
    kept["units"] = [str(unit) for unit in attributes.get("units") or ()]
    kept["axis_labels"] = [str(label) for label in attributes.get("axis_labels") or ()]
    colormap = attributes.get("colormap")
    if isinstance(colormap, Mapping) and "name" in colormap:
        kept["colormap"] = str(colormap["name"])
    return kept


def _layer(image: OmeImage) -> LayerData:
    acquisition, record = image.acquisition, image.record or {}
    colour = acquisition.axes.endswith("S") and image.data.shape[-1] in (3, 4)
    axes = acquisition.axes.removesuffix("S") if colour else acquisition.axes
    arguments: dict[str, Any] = {"name": image.name or Path(acquisition.source).stem, "rgb": colour}
    made = record.get("metadata")
    if isinstance(made, Mapping):
        arguments["metadata"] = {METADATA_KEY: dict(made)}
    elif _OPTICS & set(acquisition.origins):
        arguments["metadata"] = {METADATA_KEY: {ACQUISITION_KEY: asdict(acquisition)}}
    saved = record.get("layer")
    if isinstance(saved, Mapping) and len(saved.get("scale") or ()) == len(axes):
        arguments |= _restored(saved, len(axes))
    else:
        arguments |= _stated(acquisition, axes)
    return image.data, arguments, "image"


def _restored(saved: Mapping[str, Any], ndim: int) -> dict[str, Any]:
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    found = {name: saved[name] for name in (*_PLACEMENT, *_APPEARANCE) if saved.get(name) is not None}
    found |= {name: saved[name] for name in ("units", "axis_labels") if len(saved.get(name) or ()) == ndim}
    if saved.get("colormap") in AVAILABLE_COLORMAPS:
        found["colormap"] = saved["colormap"]
    return found


def _stated(acquisition: Acquisition, axes: str) -> dict[str, Any]:
    found: dict[str, Any] = {"axis_labels": tuple(axes.lower())}
    pixel, spacing = acquisition.pixel_size_um, acquisition.plane_spacing_um
    sizes = {} if pixel is None else {axis: pixel[row] for axis, row in _SPATIAL.items()}
    if spacing is not None:
        sizes["Z"] = spacing
    if pixel is not None:
        found["scale"] = tuple(sizes.get(axis, 1.0) for axis in axes)
        found["units"] = tuple("um" if axis in sizes else "pixel" for axis in axes)
    return found
