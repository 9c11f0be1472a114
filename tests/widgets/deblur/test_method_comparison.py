"""All methods side by side, from the button to the pictures."""

from __future__ import annotations

import numpy as np
from napari.layers import Points
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_deepblur.widgets.deblur.computation_form import METHODS
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.method_comparison import MethodComparison
from napari_deepblur.widgets.deblur.preview_form import PreviewForm
from napari_deepblur.widgets.notice import Notice
from tests.widgets.driving import MICROMETRES, PATIENCE_MS, child, know_the_blur, press


def previewed(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: np.ndarray) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    know_the_blur(dock)
    form = child(dock, PreviewForm)
    form.setValue(True)
    qtbot.waitUntil(lambda: form.shown() is not None, timeout=PATIENCE_MS)


def test_every_method_is_shown_in_a_row_and_no_setting_changes(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: np.ndarray
) -> None:
    previewed(qtbot, viewer, dock, cells)
    before, count, active = dock.value(), len(viewer.layers), viewer.layers.selection.active
    press(qtbot, dock, "compare_methods")
    qtbot.waitUntil(lambda: not child(dock, MethodComparison).isRunning(), timeout=PATIENCE_MS)
    *pictures, labels = list(viewer.layers)[count:]
    assert [layer.name for layer in pictures] == [f"cells: {title}" for title in METHODS.values()]
    assert isinstance(labels, Points)
    assert list(labels.features["method"]) == list(METHODS.values())
    assert dock.value() == before
    assert viewer.layers.selection.active == active
    # In a row right of the image, of one size, without covering each other.
    edge = viewer.layers["cells"].extent.world[1, 1]
    for layer in pictures:
        (top, left), (_, right) = layer.extent.world
        assert left > edge
        assert top == viewer.layers["cells preview"].extent.world[0, 0]
        edge = right
    restored = {title: layer.data for title, layer in zip(METHODS.values(), pictures, strict=True)}
    # The chosen method is the preview itself, and the others are others.
    np.testing.assert_allclose(restored["Wiener"], viewer.layers["cells preview"].data, rtol=1e-5)
    assert not np.allclose(restored["Richardson-Lucy"], restored["Richardson-Lucy + TV"])


def test_cancel_adds_nothing(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: np.ndarray) -> None:
    previewed(qtbot, viewer, dock, cells)
    count = len(viewer.layers)
    press(qtbot, dock, "compare_methods")
    compare = child(dock, MethodComparison)
    assert compare.text() == "Cancel comparison"
    press(qtbot, dock, "compare_methods")
    assert not compare.isRunning()
    assert "cancelled" in child(dock, Notice, "preview_notice").text()
    assert len(viewer.layers) == count
    assert compare.text() == "Compare methods"
