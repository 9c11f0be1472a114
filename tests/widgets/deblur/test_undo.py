"""What a run has added can be taken away again, and a menu offers only what it can do."""

from __future__ import annotations

import numpy as np
from driving import MICROMETRES, child, know_the_blur, run_to_the_end, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_deepblur.widgets.deblur.dock import DeblurDock


def _offered(dock: DeblurDock) -> set[str]:
    menu = child(dock, QPushButton, "more").menu()
    menu.aboutToShow.emit()
    return {entry.objectName() for entry in menu.actions() if entry.isEnabled() and entry.objectName()}


def test_runs_are_undone_one_after_another(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    assert _offered(dock) == set()
    viewer.add_image(cells, name="cells", **MICROMETRES)
    assert _offered(dock) == {"command", "python", "psf"}
    know_the_blur(dock)
    for _ in range(2):
        run_to_the_end(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells deblurred", "cells deblurred [1]"]
    assert {"load", "again", "undo"} <= _offered(dock)
    undo = child(dock, QAction, "undo")
    undo.trigger()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells deblurred"]
    assert status(dock).text() == "Removed 'cells deblurred [1]'."
    undo.trigger()
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert "undo" not in _offered(dock) and not undo.isEnabled()


def test_the_tab_key_goes_through_the_row_below_the_forms(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    child(dock, QCheckBox, "preview").setFocus()
    reached = []
    for _ in range(4):
        before = dock.focusWidget()
        assert before is not None
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        focused = dock.focusWidget()
        assert focused is not None
        reached.append(focused.objectName())
    assert reached == ["live", "batch", "more", "run"]
