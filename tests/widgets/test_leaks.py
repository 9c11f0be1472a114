"""Docks that are opened and closed leave nothing behind."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject, QThreadPool
from qtpy.QtWidgets import QApplication, QWidget

from napari_deepblur.io.weights import FOLDER_VARIABLE

ROUNDS = 2


def _objects() -> Counter[str]:
    """Count the widgets of the program, and what this package has below them, by their class."""
    gc.collect()
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    widgets: list[QWidget] = application.allWidgets()
    # Qt's styles and napari have animations that come and go: of other objects only ours count.
    below = [child for widget in widgets if widget.parent() is None for child in widget.findChildren(QObject)]
    ours = [child for child in below if type(child).__module__.startswith("napari_deepblur.")]
    return Counter(type(item).__name__ for item in [*widgets, *ours])


def _open_and_close(qtbot: QtBot, viewer: Viewer, title: str) -> weakref.ref[QWidget]:
    frame, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", title)
    # Its timers, and its first look at the layer, have come and gone.
    qtbot.wait(200)
    alive = weakref.ref(dock)
    del dock
    viewer.window.remove_dock_widget(frame)
    assert QThreadPool.globalInstance().waitForDone(60_000)
    qtbot.wait(50)
    return alive


@pytest.mark.parametrize("title", ["Deblur", "Bead calibration"])
def test_a_dock_leaves_no_objects(
    qtbot: QtBot, viewer: Viewer, cells: NDArray[np.uint16], title: str,
    untrained_weights: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(FOLDER_VARIABLE, str(untrained_weights))
    viewer.add_image(cells, name="cells", scale=(0.1, 0.1), units=("um", "um"))
    # The first leaves what is made once in a program: caches of pyqtgraph, styles.
    _open_and_close(qtbot, viewer, title)
    before = _objects()
    for _ in range(ROUNDS):
        alive = _open_and_close(qtbot, viewer, title)
        gc.collect()
        assert alive() is None
    qtbot.waitUntil(lambda: _objects() - before == Counter(), timeout=10_000)


def test_what_is_counted_sees_a_leak(qtbot: QtBot, viewer: Viewer) -> None:
    before = _objects()
    frame, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    viewer.window.remove_dock_widget(frame)
    qtbot.wait(50)
    left = _objects() - before
    assert left["DeblurDock"] == 1
    # The run, the comparison of methods, many images, live mode.
    assert left["Job"] == 4
    assert sum(left.values()) > 50
    assert isinstance(dock, QWidget)
