"""Each form edits one value."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QWidget

from napari_deepblur.errors import MicroscopeError
from napari_deepblur.io.acquisition import Acquisition, said_by
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.deblur.family_form import PAPER_MODES, FamilyChoice, FamilyForm
from napari_deepblur.widgets.deblur.noise_form import GivenNoise, NoiseForm
from napari_deepblur.widgets.form_area import FormArea
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice

WIDE_FIELD = Microscope(na=0.8, wavelength_um=0.52, pixel_size_um=0.16, n_immersion=1.0)


def _child(form: QWidget, kind: type[Any], name: str) -> Any:
    found = form.findChild(kind, name)
    assert found is not None
    return found


def _type(qtbot: QtBot, box: QDoubleSpinBox, text: str) -> None:
    """Write a number as a user does."""
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Tab)


@pytest.fixture
def microscope_form(qtbot: QtBot) -> MicroscopeForm:
    form = MicroscopeForm()
    qtbot.addWidget(form)
    form.show()
    return form


def test_the_microscope_starts_with_the_defaults_without_a_warning(microscope_form: MicroscopeForm) -> None:
    value = microscope_form.value()
    assert (value.na, value.wavelength_um, value.pixel_size_um, value.n_immersion) == (1.41, 0.54, 0.1, 1.51)


def test_the_microscope_that_is_set_is_the_one_that_is_read(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    with qtbot.waitSignal(microscope_form.valueChanged):
        microscope_form.setValue(WIDE_FIELD)
    assert microscope_form.value() == WIDE_FIELD


@pytest.mark.parametrize("name", ["na", "wavelength_um", "pixel_size_um", "n_immersion"])
def test_every_number_can_be_typed_and_says_its_unit(qtbot: QtBot, microscope_form: MicroscopeForm, name: str) -> None:
    microscope_form.setValue(WIDE_FIELD)
    box = _child(microscope_form, QDoubleSpinBox, name)
    with qtbot.waitSignal(microscope_form.valueChanged):
        _type(qtbot, box, "0.123" if name == "pixel_size_um" else "0.987" if name == "na" else "1.024")
    assert getattr(microscope_form.value(), name) == box.value() != getattr(WIDE_FIELD, name)
    assert "micrometres" in box.toolTip() if name.endswith("_um") else "no unit" in box.toolTip()
    layout = microscope_form.layout()
    assert isinstance(layout, QFormLayout)
    label = layout.labelForField(box)
    assert isinstance(label, QLabel)
    assert ("µm" in label.text()) == name.endswith("_um")


def test_na_above_the_index_is_an_error_that_is_shown(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    _type(qtbot, _child(microscope_form, QDoubleSpinBox, "n_immersion"), "1.33")
    consequence = _child(microscope_form, Notice, "microscope_consequence")
    assert consequence.level() == "error"
    assert "1.41" in consequence.text()
    assert "1.33" in consequence.text()
    with pytest.raises(MicroscopeError, match="larger than the immersion index"):
        microscope_form.value()
    _type(qtbot, _child(microscope_form, QDoubleSpinBox, "n_immersion"), "1.515")
    assert consequence.level() != "error"


def test_a_pixel_of_zero_is_an_error_that_is_shown(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    _type(qtbot, _child(microscope_form, QDoubleSpinBox, "pixel_size_um"), "0")
    assert _child(microscope_form, Notice, "microscope_consequence").level() == "error"
    with pytest.raises(MicroscopeError, match="pixel_size_um"):
        microscope_form.value()


def test_the_cut_off_follows_and_under_sampling_is_a_warning(microscope_form: MicroscopeForm) -> None:
    consequence = _child(microscope_form, Notice, "microscope_consequence")
    assert consequence.level() == "warning"
    assert "0.261" in consequence.text()  # 1.41 * 0.1 / 0.54
    assert "0.096" in consequence.text()  # 0.54 / (4 * 1.41)
    microscope_form.setValue(WIDE_FIELD)
    assert consequence.level() == "note"
    assert "0.246" in consequence.text()  # 0.8 * 0.16 / 0.52


def test_a_pixel_size_from_the_image_is_marked_until_another_is_typed(
    qtbot: QtBot, microscope_form: MicroscopeForm
) -> None:
    origin = _child(microscope_form, Notice, "pixel_size_origin")
    assert not origin.isVisible()
    with qtbot.waitSignal(microscope_form.valueChanged):
        microscope_form.setPixelSize(0.065, "from the layer 'beads'")
    assert microscope_form.value().pixel_size_um == 0.065
    assert (origin.text(), origin.isVisible()) == ("from the layer 'beads'", True)
    _type(qtbot, _child(microscope_form, QDoubleSpinBox, "pixel_size_um"), "0.07")
    assert microscope_form.value().pixel_size_um == 0.07
    assert not origin.isVisible()
    microscope_form.setPixelSize(None, "not square", "warning")
    assert microscope_form.value().pixel_size_um == 0.07
    assert (origin.level(), origin.isVisible()) == ("warning", True)


def test_optics_from_a_file_are_marked_until_others_are_typed(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    notice = _child(microscope_form, Notice, "optics_origin")
    assert not notice.isVisible()
    taken = said_by("OME-XML", "/data/cells.ome.tif", na=1.2, n_immersion=1.33, wavelengths_um=(0.509, 0.461))
    with qtbot.waitSignal(microscope_form.valueChanged):
        microscope_form.setAcquisition(taken)
    found = microscope_form.value()
    assert (found.na, found.n_immersion, found.wavelength_um) == (1.2, 1.33, 0.509)
    assert (notice.level(), notice.isVisible()) == ("note", True)
    assert notice.text() == "NA, immersion index and wavelength of channel 1 of 2 from the file cells.ome.tif."
    _type(qtbot, _child(microscope_form, QDoubleSpinBox, "na"), "1.1")
    assert notice.text() == "Immersion index and wavelength of channel 1 of 2 from the file cells.ome.tif."
    # Numbers that the next file does not state stay, but are no longer from a file.
    microscope_form.setAcquisition(said_by("OME-XML", "b.tif", wavelengths_um=(0.6,)))
    assert (microscope_form.value().na, microscope_form.value().wavelength_um) == (1.1, 0.6)
    assert notice.text() == "Wavelength from the file b.tif."
    microscope_form.setAcquisition(Acquisition(), "bioio is missing.")
    assert (notice.text(), notice.level()) == ("\u26a0 bioio is missing.", "warning")
    microscope_form.setValue(WIDE_FIELD)
    assert not notice.isVisible()


@pytest.fixture
def family_form(qtbot: QtBot) -> FamilyForm:
    form = FamilyForm()
    qtbot.addWidget(form)
    return form


def test_the_family_offers_the_default_and_the_papers_modes(qtbot: QtBot, family_form: FamilyForm) -> None:
    family = ZernikeFamily(WIDE_FIELD)
    assert family_form.value() == FamilyChoice(family.modes, family.max_amplitude)
    modes = _child(family_form, QComboBox, "modes")
    assert [modes.itemText(row) for row in range(modes.count())] == ["Noll 4-11", "Noll 4-10 (paper)"]
    assert "spherical" in modes.toolTip()
    with qtbot.waitSignal(family_form.valueChanged):
        modes.setCurrentIndex(1)
    assert family_form.value().modes == PAPER_MODES == tuple(range(4, 11))
    assert "spherical" not in modes.toolTip()


def test_any_set_of_modes_can_be_shown(family_form: FamilyForm) -> None:
    for choice in (FamilyChoice((4, 7), 0.05), FamilyChoice(), FamilyChoice((4, 7), 0.3)):
        family_form.setValue(choice)
        assert family_form.value() == choice
    assert _child(family_form, QComboBox, "modes").count() == 3


@pytest.fixture
def noise_form(qtbot: QtBot) -> NoiseForm:
    form = NoiseForm()
    qtbot.addWidget(form)
    form.show()
    return form


def test_the_noise_is_estimated_unless_it_is_given(qtbot: QtBot, noise_form: NoiseForm) -> None:
    alpha, beta, offset = (_child(noise_form, QDoubleSpinBox, name) for name in ("alpha", "beta", "offset"))
    assert noise_form.value() == "estimate"
    assert not alpha.isVisible()
    with qtbot.waitSignal(noise_form.valueChanged):
        _child(noise_form, QComboBox, "noise_mode").setCurrentIndex(1)
    assert alpha.isVisible()
    _type(qtbot, alpha, "0.002")
    _type(qtbot, beta, "12.5")
    _type(qtbot, offset, "-3")
    assert noise_form.value() == GivenNoise(alpha=0.002, beta=12.5, offset=-3)
    noise_form.setValue("estimate")
    assert noise_form.value() == "estimate"
    noise_form.setValue(GivenNoise(0.5, 0))
    assert noise_form.value() == GivenNoise(0.5, 0, 0)


@pytest.fixture
def area(qtbot: QtBot) -> FormArea:
    area = FormArea()
    qtbot.addWidget(area)
    for form in (MicroscopeForm(area), FamilyForm(area), NoiseForm(area)):
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
    box = _child(area, QDoubleSpinBox, "na")

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
    assert box.value() == 1.41
    area.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus, timeout=20_000)
    roll()
    assert box.value() == pytest.approx(1.42)


def test_tab_goes_through_the_fields_from_the_top(qtbot: QtBot, area: FormArea) -> None:
    order = []
    widget: QWidget | None = _child(area, QDoubleSpinBox, "na")
    for _ in range(100):
        assert widget is not None
        if isinstance(widget, (QDoubleSpinBox, QComboBox)) and widget.isVisible():
            order.append(widget.mapTo(area, QPoint(0, 0)).y())
        widget = widget.nextInFocusChain()
        if widget is not None and widget.objectName() == "na":
            break
    assert len(order) == 8
    assert all(above < below for above, below in itertools.pairwise(order))
