"""The docks behave as people expect of a form: explained, in keyboard order, and of the size of the letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QListWidget,
    QScrollArea,
    QScrollBar,
    QWidget,
)

import napari_deepblur
from napari_deepblur.widgets.opening import dock_in

SOURCE = Path(napari_deepblur.__file__).parent / "widgets"
CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QListWidget)
UNITS = re.compile("micrometre|pixels|intensity|units of the image|waves|no unit|minutes", re.IGNORECASE)


@pytest.fixture(params=["Deblur", "Bead calibration"])
def opened(request: pytest.FixtureRequest, viewer: Viewer) -> Iterator[QWidget]:
    """Open a dock beside a stack, so that all of its rows have something to show."""
    stack = np.random.default_rng(0).uniform(0, 1, (3, 64, 64)).astype(np.float32)
    viewer.add_image(stack, scale=(0.2, 0.1, 0.1), units=("um",) * 3)
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", request.param)
    # Where this is the first test, its modules are still being imported.
    dock = dock_in(dock)
    QApplication.processEvents()
    yield dock


def _controls(dock: QWidget) -> list[QWidget]:
    """All controls, shown or not; those that are part of another, or of the menu of a plot, are left out."""
    return [
        widget
        for widget in dock.findChildren(QWidget)
        if isinstance(widget, CONTROLS)
        and not isinstance(widget, QScrollBar)
        and not isinstance(widget.parent(), (QAbstractSpinBox, QComboBox))
        and widget.window() is dock.window()
    ]


def test_every_control_has_a_tooltip_and_every_number_its_unit(opened: QWidget) -> None:
    controls = _controls(opened)
    assert len(controls) > 20
    assert [control.objectName() for control in controls if not control.toolTip()] == []
    numbers = [control for control in controls if isinstance(control, QAbstractSpinBox)]
    assert len(numbers) >= 7
    assert [box.objectName() for box in numbers if not UNITS.search(box.toolTip())] == []


def test_the_tab_key_goes_down_the_form(qtbot: QtBot, opened: QWidget) -> None:
    area = opened.findChild(QScrollArea)
    assert area is not None
    column = area.widget()
    assert column is not None
    reached = [
        control
        for control in _controls(column)
        if control.isVisible() and control.isEnabled() and control.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert len(reached) > 8
    # As one reads: a row is what lies within half a line.
    line = opened.fontMetrics().height() // 2
    corners = {control: control.mapTo(column, QPoint(0, control.height() // 2)) for control in reached}
    expected = sorted(reached, key=lambda control: (round(corners[control].y() / line / 2), corners[control].x()))
    expected[0].setFocus()
    for before, after in pairwise(expected):
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        focused = column.focusWidget()
        assert focused is not None
        assert focused.objectName() == after.objectName()


def test_nothing_has_a_size_in_pixels() -> None:
    """Sizes follow the letters, or what is inside: a number of pixels is another size on every screen."""
    fixed = re.compile(r"set(?:Fixed|Minimum|Maximum)(?:Width|Height|Size)\(\s*\d|resize\(\s*\d|\d\s*px\b")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if fixed.search(line)
    ]
    assert found == []
