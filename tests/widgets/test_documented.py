"""Every control of the docks is on the page of its dock."""

from __future__ import annotations

import re
from pathlib import Path

from napari.viewer import Viewer
from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QPushButton, QWidget

from napari_deepblur.widgets.calibration.dock import CalibrationDock
from napari_deepblur.widgets.deblur.dock import DeblurDock

DOCS = Path(__file__).parents[2] / "docs"


def _titles(dock: QWidget) -> set[str]:
    """Return what stands beside or on the controls, shown or not, without units."""
    labels: set[str] = set()
    for form in dock.findChildren(QFormLayout):
        for row in range(form.rowCount()):
            item = form.itemAt(row, QFormLayout.ItemRole.LabelRole)
            label = item.widget() if item is not None else None
            if isinstance(label, QLabel) and label.window() is dock.window():
                labels.add(label.text())
    buttons = {
        button.text()
        for kind in (QPushButton, QCheckBox)
        for button in dock.findChildren(kind)
        # Plots have menus, windows of their own that nobody sees.
        if button.window() is dock.window()
    }
    for button in dock.findChildren(QPushButton):
        menu = button.menu()
        buttons |= {action.text() for action in menu.actions()} if menu is not None else set()
    return {re.sub(r" \(.*\)|…|: .*", "", title) for title in labels | buttons if title}


def _missing(dock: QWidget, page: str) -> set[str]:
    text = (DOCS / page).read_text(encoding="utf-8").lower()
    titles = {title for title in _titles(dock) if not title.startswith("Axis ")}
    assert len(titles) > 12
    return {title for title in titles if title.lower() not in text}


def test_the_deblur_dock_is_documented(dock: DeblurDock) -> None:
    assert not _missing(dock, "deblur.md")


def test_the_calibration_dock_is_documented(viewer: Viewer) -> None:
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Bead calibration")
    assert isinstance(dock, CalibrationDock)
    assert not _missing(dock, "calibration.md")
