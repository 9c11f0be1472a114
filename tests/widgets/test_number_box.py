"""Boxes for numbers: wide enough for what stands in them, and true to what is typed, in every form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from driving import child, write
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_deepblur.widgets.calibration.aim_form import AimForm
from napari_deepblur.widgets.calibration.bead_form import BeadForm
from napari_deepblur.widgets.deblur.axes_form import AxesForm
from napari_deepblur.widgets.deblur.computation_form import restoration_form
from napari_deepblur.widgets.deblur.family_form import FamilyForm
from napari_deepblur.widgets.deblur.noise_form import noise_form
from napari_deepblur.widgets.number_box import LengthBox, NumberBox, WholeBox, commit


@pytest.mark.parametrize("kind", [NumberBox, LengthBox])
def test_a_pixel_size_is_seen_whole_in_a_narrow_column(qtbot: QtBot, kind: type[NumberBox]) -> None:
    column = QWidget()
    qtbot.addWidget(column)
    # As napari does, whose padding and buttons take 58 pixels of the box, as seen in a picture.
    column.setStyleSheet("QDoubleSpinBox { border: none; padding: 1px 10px; min-width: 70px; }")
    box = kind(column)
    box.setValue(0.0654)
    layout = QHBoxLayout(column)
    layout.addWidget(box)
    column.show()
    column.resize(column.minimumSizeHint())
    assert box.width() >= box.fontMetrics().horizontalAdvance(box.text()) + 58


_FORMS: dict[str, Callable[[], QWidget]] = {
    "axes": AxesForm, "noise": noise_form, "restoration": restoration_form, "family": FamilyForm, "beads": BeadForm,
    "aim": AimForm,
}  # fmt: skip


@pytest.mark.parametrize("form", _FORMS)
def test_every_number_takes_comma_and_point(qtbot: QtBot, form: str) -> None:
    widget = _FORMS[form]()
    qtbot.addWidget(widget)
    boxes = [box for box in widget.findChildren(QDoubleSpinBox) if box.decimals()]
    assert boxes
    for box in boxes:
        for text, number in (("0,25", 0.25), ("0.15", 0.15), ("2e-3", 0.002)):
            write(qtbot, box, text)
            assert box.value() == pytest.approx(number), (box.objectName(), text)
            # As it is written, it is read again.
            assert box.valueFromText(box.text()) == pytest.approx(number)


@pytest.mark.parametrize(
    ("form", "name"), [("axes", "plane_spacing"), ("aim", "bead_plane_spacing"), ("beads", "bead_diameter_um")]
)
def test_lengths_are_in_any_unit_and_asked_about_where_they_are_odd(qtbot: QtBot, form: str, name: str) -> None:
    widget = _FORMS[form]()
    qtbot.addWidget(widget)
    if isinstance(widget, AxesForm):
        widget.setAxes("ZYX", (5, 60, 70))
    if isinstance(widget, AimForm):
        widget.setStack(5, None, "")
        widget.setValue(widget.value()._replace(aim="pupil"))
    box, question = child(widget, QDoubleSpinBox, name), child(widget, QLabel, "question")
    write(qtbot, box, "250 nm")
    assert box.value() == pytest.approx(0.25) and not question.isVisibleTo(widget)
    # No digit is lost, whatever a number without a unit may mean.
    write(qtbot, box, "525")
    assert box.value() == pytest.approx(525)
    assert "525 µm" in question.text() and question.isVisibleTo(widget)
    qtbot.mouseClick(child(widget, QPushButton, "take_suggestion"), Qt.MouseButton.LeftButton)
    assert box.value() == pytest.approx(0.525) and not question.isVisibleTo(widget)


@pytest.mark.parametrize(
    ("text", "number"),
    [("31", 31), ("12,5", 41), ("12.5", 41), ("2555", 41), ("8", 41), ("1e2", 41), ("", 41), ("33 pixels", 33)],
)
def test_a_whole_number_is_what_was_typed_or_what_stood_there(qtbot: QtBot, text: str, number: int) -> None:
    box = WholeBox()
    qtbot.addWidget(box)
    box.setRange(9, 255)
    box.setSuffix(" pixels")
    box.setValue(41)
    write(qtbot, box, text)
    assert box.value() == number
    assert box.text() == f"{number} pixels"


def test_a_whole_number_that_is_still_being_typed_counts_when_it_is_needed(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    box = WholeBox(window)
    box.setValue(4)
    box.selectAll()
    qtbot.keyClicks(box, "15")
    assert box.value() == 4
    commit(window)
    assert box.value() == 15
