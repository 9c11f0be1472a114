"""Forms under each other: one column, nothing cut off, wheel and Tab."""

from __future__ import annotations

import itertools

import pytest
from driving import child
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QDoubleSpinBox, QWidget

from napari_deepblur.widgets.deblur.family_form import FamilyForm
from napari_deepblur.widgets.deblur.noise_form import noise_form
from napari_deepblur.widgets.form_area import FormArea
from napari_deepblur.widgets.microscope_form import MicroscopeForm


@pytest.fixture
def area(qtbot: QtBot) -> FormArea:
    area = FormArea()
    qtbot.addWidget(area)
    for form in (MicroscopeForm(area), FamilyForm(area), noise_form(area)):
        area.addForm(form)
    area.show()
    return area


def test_fields_start_in_one_column(area: FormArea) -> None:
    fields = [box for box in area.findChildren(QDoubleSpinBox) + area.findChildren(QComboBox) if box.isVisible()]
    assert len(fields) == 8
    assert len({field.mapTo(area, QPoint(0, 0)).x() for field in fields}) == 1


def test_nothing_is_cut_off_at_the_side(area: FormArea) -> None:
    area.resize(area.minimumSizeHint())
    contents, viewport = area.widget(), area.viewport()
    assert contents is not None
    assert viewport is not None
    assert contents.width() <= viewport.width()


def test_the_wheel_changes_only_what_was_clicked(qtbot: QtBot, area: FormArea) -> None:
    box = child(area, QDoubleSpinBox, "na")

    def roll() -> None:
        middle = QPointF(box.rect().center())
        no_buttons, no_keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
        event = QWheelEvent(
            middle,
            box.mapToGlobal(middle),
            QPoint(),
            QPoint(0, 120),
            no_buttons,
            no_keys,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, event)

    roll()
    assert box.value() == 1.4
    area.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus, timeout=20_000)
    roll()
    assert box.value() == pytest.approx(1.41)


def test_tab_goes_through_the_fields_from_the_top(qtbot: QtBot, area: FormArea) -> None:
    order = []
    widget: QWidget | None = child(area, QDoubleSpinBox, "na")
    for _ in range(100):
        assert widget is not None
        if isinstance(widget, (QDoubleSpinBox, QComboBox)) and widget.isVisible():
            order.append(widget.mapTo(area, QPoint(0, 0)).y())
        widget = widget.nextInFocusChain()
        if widget is not None and widget.objectName() == "na":
            break
    assert len(order) == 8
    assert all(above < below for above, below in itertools.pairwise(order))
