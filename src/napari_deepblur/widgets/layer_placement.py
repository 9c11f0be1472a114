"""Where a layer lies and how it looks, as its file keeps it: written, read back, or taken from what the file states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_deepblur.io.acquisition import Acquisition

_PLACEMENT = ("scale", "translate", "rotate", "shear", "affine")
_APPEARANCE = ("contrast_limits", "gamma", "opacity", "blending")
_SPATIAL = {"Y": 0, "X": 1}


def kept_placement(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what the layer of these attributes has and OME-XML has no words for, as JSON knows it."""
    kept = {name: np.asarray(attributes[name]).tolist() for name in (*_PLACEMENT, *_APPEARANCE) if name in attributes}
    kept["units"] = [str(unit) for unit in attributes.get("units") or ()]
    kept["axis_labels"] = [str(label) for label in attributes.get("axis_labels") or ()]
    colormap = attributes.get("colormap")
    if isinstance(colormap, Mapping) and "name" in colormap:
        kept["colormap"] = str(colormap["name"])
    return kept


def placed_as_saved(saved: Any, ndim: int) -> dict[str, Any] | None:
    """Return the arguments with which a layer lies and looks as `kept_placement` has kept it.

    Parameters
    ----------
    saved
        What a file holds; it may come from anybody.
    ndim
        Axes of the layer.

    Returns
    -------
    dict or None
        None where it is not of such a layer, or nothing that napari can draw.
    """
    from napari.layers import Image
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    if not isinstance(saved, Mapping):
        return None
    try:
        if len(saved["scale"]) != ndim:
            return None
        found = {name: saved[name] for name in (*_PLACEMENT, *_APPEARANCE) if saved.get(name) is not None}
        numbers = [np.asarray(value, float) for name, value in found.items() if name != "blending"]
        if not all(np.isfinite(value).all() for value in numbers):
            return None
        found |= {name: saved[name] for name in ("units", "axis_labels") if len(saved.get(name) or ()) == ndim}
        if saved.get("colormap") in AVAILABLE_COLORMAPS:
            found["colormap"] = saved["colormap"]
        Image(np.zeros((1,) * ndim, np.float32), **found)
    except Exception:
        # Whatever napari raises on values that no layer has: it is none then.
        return None
    return found


def placed_as_stated(acquisition: Acquisition, axes: str) -> dict[str, Any]:
    """Return names of axes, scale and units of a layer, as far as its file states them."""
    found: dict[str, Any] = {"axis_labels": tuple(axes.lower())}
    pixel, spacing = acquisition.pixel_size_um, acquisition.plane_spacing_um
    sizes = {} if pixel is None else {axis: pixel[row] for axis, row in _SPATIAL.items()}
    if spacing is not None:
        sizes["Z"] = spacing
    if pixel is not None:
        found["scale"] = tuple(sizes.get(axis, 1.0) for axis in axes)
        found["units"] = tuple("um" if axis in sizes else "pixel" for axis in axes)
    return found
