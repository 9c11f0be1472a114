"""Layers of napari saved as OME-TIFF, with their place, optics and record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.axes import guess_axes
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.widgets.layer_acquisition import recorded_acquisition
from napari_deepblur.widgets.layer_placement import kept_placement
from napari_deepblur.widgets.layers import METADATA_KEY


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
    kept: dict[str, Any] = {"layer": kept_placement(attributes)}
    if record is not None:
        kept["metadata"] = record
    acquisition = _sampling(axes, attributes).or_else(recorded_acquisition(record))
    write_ome_tiff(path, array, acquisition, name=str(attributes.get("name", "")), record=kept, coarser=coarser)
    return [path]


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
