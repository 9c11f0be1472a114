"""The preview of a part of the image."""

from __future__ import annotations

import numpy as np
from driving import PATIENCE_MS, child
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QCheckBox, QComboBox

from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice


def test_the_preview_follows_the_settings_and_leaves_nothing(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(
        np.stack([cells, cells[::-1]]), name="cells", scale=(5, 0.1, 0.1), units=("um",) * 3, translate=(0, 3, -2)
    )
    viewer.dims.set_current_step(0, 1)
    corner, opposite = (image.data_to_world((1, *point))[1:] for point in ((20, 30), (68, 94)))
    viewer.add_shapes([[corner, opposite]], shape_type="rectangle", name="part").selected_data = {0}
    method = child(dock, QComboBox, "method")
    method.setCurrentIndex(method.findData("wiener"))
    wanted = child(dock, QCheckBox, "preview")
    wanted.setChecked(True)
    qtbot.waitUntil(lambda: "cells preview" in viewer.layers, timeout=PATIENCE_MS)
    shown = viewer.layers["cells preview"]
    assert shown.data.shape == (1, 48, 64)
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), image.data_to_world((1, 20, 30)))
    np.testing.assert_allclose(shown.scale, image.scale)
    assert "48 x 64 pixels from row 20, column 30" in child(dock, Notice, "preview_notice").text()
    record = shown.metadata[METADATA_KEY]
    assert record["settings"] == dock.value().model_dump(mode="json")
    # A preview is nothing that could be deblurred in its turn.
    combo = child(dock, QComboBox, "layer")
    assert [combo.itemText(row) for row in range(combo.count())] == ["cells"]
    before = shown.data.copy()
    method.setCurrentIndex(method.findData("richardson-lucy"))
    qtbot.waitUntil(lambda: not np.array_equal(shown.data, before), timeout=PATIENCE_MS)
    assert shown in viewer.layers
    # Another method does not change what was identified.
    assert shown.metadata[METADATA_KEY]["resolved"]["theta"] == record["resolved"]["theta"]
    wanted.setChecked(False)
    assert "cells preview" not in viewer.layers
    assert len(viewer.layers) == 2
