"""Which part of a layer is looked at: what is in the window, or in a drawn rectangle, and where the sliders stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import ImageError
from napari_deepblur.io.axes import leading
from napari_deepblur.pipeline.region import Region
from napari_deepblur.widgets.layers import full_resolution, shown_name

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray


def visible_region(layer: Layer, axes: str) -> Region:
    """Rows and columns of a layer that are in the window; all of them where it is not drawn."""
    corners = np.array(layer.corner_pixels, dtype=float)
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors)[layer.data_level]
    rows, columns = axes.index("Y"), axes.index("X")
    top, left = corners[0, [rows, columns]].astype(int).tolist()
    bottom, right = np.ceil(corners[1, [rows, columns]]).astype(int).tolist()
    if bottom <= top or right <= left:
        shape = full_resolution(layer).shape
        return Region(0, 0, int(shape[rows]), int(shape[columns]))
    return Region(top, left, bottom + 1, right + 1)


def drawn_region(viewer: Viewer, layer: Layer, axes: str) -> Region | None:
    """Rows and columns around the selected shape of a visible Shapes layer; None where none is selected.

    Raises
    ------
    ImageError
        If it lies beside the layer: whatever were shown instead is not what was drawn.
    """
    from napari.layers import Shapes

    for shapes in reversed(list(viewer.layers)):
        if isinstance(shapes, Shapes) and shapes.visible and len(shapes.selected_data) == 1:
            vertices = np.asarray(shapes.data[next(iter(shapes.selected_data))])
            # Worlds of fewer axes are the last ones of the viewer's.
            count = min(shapes.ndim, layer.ndim)
            points = np.zeros((len(vertices), layer.ndim))
            for row, vertex in enumerate(vertices):
                world = np.zeros(layer.ndim)
                world[-count:] = np.asarray(shapes.data_to_world(vertex))[-count:]
                world[-count:] *= _in_units(layer, None if viewer.layers.units is None else shapes.units, count)
                points[row] = layer.world_to_data(world)
            plane = points[:, [axes.index("Y"), axes.index("X")]]
            (top, left), (bottom, right) = np.floor(plane.min(0) + 0.5), np.floor(plane.max(0) + 0.5)
            shape = full_resolution(layer).shape
            if bottom <= 0 or right <= 0 or top >= shape[axes.index("Y")] or left >= shape[axes.index("X")]:
                raise ImageError(
                    f"The selected shape of {shown_name(shapes.name)} lies beside {shown_name(layer.name)}. Draw it "
                    "over the image, or select none to preview what is visible."
                )
            return Region(int(top), int(left), int(bottom), int(right))
    return None


def shown_frame(viewer: Viewer, layer: Layer, axes: str) -> tuple[int, ...]:
    """Position along the leading axes of the frame that the sliders show."""
    point = np.zeros(layer.ndim)
    count = min(len(viewer.dims.point), layer.ndim)
    point[-count:] = np.asarray(viewer.dims.point[-count:]) * _in_units(layer, viewer.layers.units, count)
    position = np.rint(layer.world_to_data(point)).astype(int)
    shape = full_resolution(layer).shape
    return tuple(
        int(np.clip(position[axis], 0, shape[axis] - 1)) for axis, letter in enumerate(axes) if letter in leading(axes)
    )


def _in_units(layer: Layer, units: Sequence[Any] | None, count: int) -> NDArray[np.float64]:
    """Return what takes lengths along the last axes from other units to those of a layer.

    Parameters
    ----------
    layer
        The layer.
    units
        The others; None where napari shows numbers as they are, because the layers' units are of different kinds.
    count
        How many axes.
    """
    if units is None:
        return np.ones(count)
    pairs = zip(units[-count:], layer.units[-count:], strict=True)
    return np.array([float((1.0 * other).to(own).magnitude) for other, own in pairs])
