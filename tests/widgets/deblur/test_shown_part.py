"""The part of a layer that is looked at, where the units of several layers differ."""

from __future__ import annotations

import numpy as np
from napari.viewer import Viewer

from napari_deepblur.pipeline.region import Region
from napari_deepblur.widgets.deblur.shown_part import drawn_region, shown_frame


def test_units_of_several_layers_are_those_of_the_window(viewer: Viewer) -> None:
    stack = viewer.add_image(
        np.zeros((8, 64, 72)), axis_labels=("z", "y", "x"), scale=(3e-4, 1e-4, 1e-4), units=("mm",) * 3
    )
    image = viewer.add_image(np.zeros((64, 72)), scale=(0.1, 0.1), units=("um", "um"))
    viewer.dims.set_current_step(0, 5)
    assert shown_frame(viewer, stack, "ZYX") == (5,)
    rectangle = np.array([[1, 2], [1, 6], [5, 6], [5, 2.0]])
    drawn = viewer.add_shapes([rectangle], shape_type="rectangle", units=("um", "um"))
    drawn.selected_data = {0}
    assert drawn_region(viewer, image, "YX") == drawn_region(viewer, stack, "ZYX") == Region(10, 20, 50, 60)
    # With units of another kind among them napari draws all numbers as they are: 1 to 5 pixels of 0.1.
    drawn.units = ("pixel", "pixel")
    stack.scale = (0.3, 0.1, 0.1)
    assert drawn_region(viewer, stack, "ZYX") == Region(10, 20, 50, 60)
