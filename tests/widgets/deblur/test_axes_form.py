"""The form in which axes are named."""

from __future__ import annotations

from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox

from napari_deepblur.widgets.deblur.axes_form import AxesChoice, AxesForm


@pytest.fixture
def form(qtbot: QtBot) -> AxesForm:
    made = AxesForm()
    qtbot.addWidget(made)
    return made


def _choose(form: AxesForm, name: str, data: str) -> None:
    box: Any = form.findChild(QComboBox, name)
    box.setCurrentIndex(box.findData(data))


def test_a_plane_needs_no_form(form: AxesForm) -> None:
    form.setAxes("YX", (5, 6))
    assert form.value() == AxesChoice("YX", "each", "each")
    assert form.isHidden()
    form.setAxes("TYX", (3, 5, 6))
    assert not form.isHidden()
    form.setAxes("YXS", (5, 6, 3))
    assert not form.isHidden()


def test_values_go_in_and_out(form: AxesForm, qtbot: QtBot) -> None:
    form.setAxes("TCYXS", (2, 3, 5, 6, 3))
    assert form.value().axes == "TCYXS"
    value = AxesChoice("ZCYXS", "first", "luminance", 0.25)
    with qtbot.waitSignal(form.valueChanged):
        form.setValue(value)
    assert form.value() == value


@pytest.mark.parametrize(
    ("axis", "letter", "axes"),
    [
        (0, "Z", "ZCYX"),
        (0, "C", "CTYX"),
        (0, "Y", "YCTX"),
        # What was columns is none any more: another axis has to be.
        (3, "Z", "XCYZ"),
        (2, "P", "YCPX"),
    ],
)
def test_rows_and_columns_are_never_lost(form: AxesForm, axis: int, letter: str, axes: str) -> None:
    form.setAxes("TCYX", (2, 3, 5, 6))
    _choose(form, f"axis_{axis}", letter)
    assert form.value().axes == axes
    for position, shown in enumerate(axes):
        box = form.findChild(QComboBox, f"axis_{position}")
        assert box is not None
        assert box.currentData() == shown


def test_only_a_stack_has_a_plane_spacing(form: AxesForm) -> None:
    form.setAxes("TYX", (4, 5, 6))
    form.setPlaneSpacing(0.3)
    assert form.value().plane_spacing_um == 0
    _choose(form, "axis_0", "Z")
    assert form.value().plane_spacing_um == 0.3
    form.setPlaneSpacing(None)
    assert form.value().plane_spacing_um == 0


def test_other_names_of_axes_are_told_apart_from_other_choices(form: AxesForm, qtbot: QtBot) -> None:
    form.setAxes("TYX", (4, 5, 6))
    with qtbot.assertNotEmitted(form.axesChanged):
        form.setAxes("TYX", (7, 5, 6))
    with qtbot.waitSignal(form.axesChanged):
        _choose(form, "axis_0", "Z")
