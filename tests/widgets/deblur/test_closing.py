"""Docks, layers and windows that go away during a run."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
from driving import MICROMETRES, PATIENCE_MS, child, press, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QDockWidget, QProgressBar, QPushButton, QWidget

from napari_deepblur.widgets.deblur.dock import DeblurDock


def test_a_layer_removed_during_a_run_still_gets_its_result(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES, translate=(1, 2))
    press(qtbot, dock)
    viewer.layers.remove("cells")
    assert dock.isRunning()
    hold.set()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert [layer.name for layer in viewer.layers] == ["cells deblurred", "cells PSFs"]
    np.testing.assert_allclose(viewer.layers[0].translate, (1, 2))
    assert "removed" in status(dock).text()


def test_the_dock_can_be_closed_during_a_run(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    press(qtbot, dock)
    qtbot.waitUntil(lambda: child(dock, QProgressBar, "progress").maximum() > 0, timeout=PATIENCE_MS)
    frame: QWidget | None = dock.parentWidget()
    assert isinstance(frame, QDockWidget)
    button = frame.findChild(QPushButton, "QTitleBarCloseButton")
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    # Nobody set `hold`: only a cancel ends the run.
    assert QThreadPool.globalInstance().waitForDone(PATIENCE_MS)
    qtbot.wait(50)
    assert not dock.isRunning()
    assert [layer.name for layer in viewer.layers] == ["cells"]
    # What napari tells its widgets no longer reaches this one.
    viewer.add_image(cells)
    viewer.theme = "light"
    dock.deleteLater()
    qtbot.wait(50)


def test_nothing_holds_a_closed_dock(qtbot: QtBot, viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(cells, **MICROMETRES)
    frame, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    alive = weakref.ref(dock)
    del dock
    viewer.window.remove_dock_widget(frame)
    del frame
    qtbot.wait(50)
    gc.collect()
    assert alive() is None
    viewer.add_image(cells)
    viewer.theme = "light"


def test_a_hidden_dock_goes_on(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    press(qtbot, dock)
    frame = dock.parentWidget()
    assert frame is not None
    frame.close()
    assert not dock.isVisible()
    hold.set()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert len(viewer.layers) == 3


def test_the_viewer_can_be_closed_during_a_run(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    press(qtbot, dock)
    qtbot.waitUntil(lambda: child(dock, QProgressBar, "progress").maximum() > 0, timeout=PATIENCE_MS)
    viewer.close()
    assert QThreadPool.globalInstance().waitForDone(PATIENCE_MS)
    qtbot.wait(50)
