"""Where a layer's pixels lie in the world, by all that it says: scale, rotation, shear and affine transform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray


def planar_placement(layer: Layer, axes: str) -> dict[str, Any]:
    """Return the arguments that put a layer of two axes where rows and columns of another lie.

    Parameters
    ----------
    layer
        The other.
    axes
        Its axes, one letter each, without that of colours.
    """
    from napari.utils.transforms import Affine

    own = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear, translate=layer.translate)
    plane = [axes.index("Y"), axes.index("X")]
    matrix = np.eye(3)
    matrix[:2, :2] = (layer.affine.linear_matrix @ own.linear_matrix)[np.ix_(plane, plane)]
    matrix[:2, 2] = np.asarray(layer.affine(own.translate))[plane]
    return {name: tuple(getattr(layer, name)[axis] for axis in plane) for name in ("units", "axis_labels")} | {
        "affine": matrix
    }


def step(layer: Layer, axis: int) -> NDArray[np.float64]:
    """Return how far apart in the world two neighbours along an axis lie, in the units of its axes, shape (ndim,)."""
    from napari.utils.transforms import Affine

    own = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear).linear_matrix
    return np.asarray((layer.affine.linear_matrix @ own)[:, axis], np.float64)


def step_um(layer: Layer, axis: int) -> NDArray[np.float64] | None:
    """Return the same in micrometres; None where that leads along axes that are no lengths."""
    moved = step(layer, axis)
    result = np.zeros(layer.ndim)
    for index in np.flatnonzero(np.abs(moved) > 1e-9 * np.abs(moved).max()):
        unit = layer.units[index]
        if dict(unit.dimensionality) != {"[length]": 1}:
            return None
        result[index] = float((float(moved[index]) * unit).to("micrometer").magnitude)
    return result
