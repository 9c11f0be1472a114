"""The form of the four numbers of a microscope."""

from __future__ import annotations

import pytest
from driving import child, write
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QPushButton

from napari_deepblur.errors import MicroscopeError, UndersamplingWarning
from napari_deepblur.io.acquisition import Acquisition, said_by
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.origin_tag import OriginTag
from napari_deepblur.widgets.origins import Place

WIDE_FIELD = Microscope(na=0.8, wavelength_um=0.52, pixel_size_um=0.16, n_immersion=1.0)


@pytest.fixture
def microscope_form(qtbot: QtBot) -> MicroscopeForm:
    form = MicroscopeForm()
    qtbot.addWidget(form)
    form.show()
    return form


def test_the_microscope_starts_with_the_defaults_without_a_warning(microscope_form: MicroscopeForm) -> None:
    value = microscope_form.value()
    assert (value.na, value.wavelength_um, value.pixel_size_um, value.n_immersion) == (1.4, 0.525, 0.065, 1.515)
    assert child(microscope_form, Notice, "microscope_consequence").level() == "note"


def test_the_microscope_that_is_set_is_the_one_that_is_read(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    with qtbot.waitSignal(microscope_form.valueChanged):
        microscope_form.setValue(WIDE_FIELD)
    assert microscope_form.value() == WIDE_FIELD


@pytest.mark.parametrize("name", ["na", "wavelength_um", "pixel_size_um", "n_immersion"])
def test_every_number_can_be_typed_and_says_its_unit(qtbot: QtBot, microscope_form: MicroscopeForm, name: str) -> None:
    microscope_form.setValue(WIDE_FIELD)
    box = child(microscope_form, QDoubleSpinBox, name)
    with qtbot.waitSignal(microscope_form.valueChanged):
        write(qtbot, box, "0.123" if name == "pixel_size_um" else "0.987" if name == "na" else "1.024")
    assert getattr(microscope_form.value(), name) == box.value() != getattr(WIDE_FIELD, name)
    assert "micrometres" in box.toolTip() if name.endswith("_um") else "no unit" in box.toolTip()
    layout = microscope_form.layout()
    assert isinstance(layout, QFormLayout)
    rows = [layout.itemAt(row, QFormLayout.ItemRole.FieldRole) for row in range(layout.rowCount())]
    row = next(item.layout() for item in rows if item and item.layout() and item.layout().itemAt(0).widget() is box)
    label = layout.labelForField(row)
    assert isinstance(label, QLabel)
    assert ("µm" in label.text()) == name.endswith("_um")


def test_na_above_the_index_is_an_error_that_is_shown(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    write(qtbot, child(microscope_form, QDoubleSpinBox, "n_immersion"), "1.33")
    consequence = child(microscope_form, Notice, "microscope_consequence")
    assert consequence.level() == "error"
    assert "1.4" in consequence.text()
    assert "1.33" in consequence.text()
    with pytest.raises(MicroscopeError, match="larger than the immersion index"):
        microscope_form.value()
    write(qtbot, child(microscope_form, QDoubleSpinBox, "n_immersion"), "1.515")
    assert consequence.level() != "error"


def test_a_pixel_of_zero_is_an_error_that_is_shown(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    write(qtbot, child(microscope_form, QDoubleSpinBox, "pixel_size_um"), "0")
    assert child(microscope_form, Notice, "microscope_consequence").level() == "error"
    with pytest.raises(MicroscopeError, match="pixel_size_um"):
        microscope_form.value()


def test_the_cut_off_follows_and_under_sampling_is_a_warning(microscope_form: MicroscopeForm) -> None:
    consequence = child(microscope_form, Notice, "microscope_consequence")
    with pytest.warns(UndersamplingWarning):
        microscope_form.setValue(Microscope())
    assert consequence.level() == "warning"
    assert "0.261" in consequence.text()  # 1.41 * 0.1 / 0.54
    assert "0.096" in consequence.text()  # 0.54 / (4 * 1.41)
    microscope_form.setValue(WIDE_FIELD)
    assert consequence.level() == "note"
    assert "0.246" in consequence.text()  # 0.8 * 0.16 / 0.52


def test_a_pixel_size_from_the_image_is_marked_until_another_is_typed(
    qtbot: QtBot, microscope_form: MicroscopeForm
) -> None:
    origin = child(microscope_form, Notice, "pixel_size_origin")
    assert not origin.isVisible()
    with qtbot.waitSignal(microscope_form.valueChanged):
        microscope_form.setPixelSize(0.065, "from the layer 'beads'")
    assert microscope_form.value().pixel_size_um == 0.065
    assert (origin.text(), origin.isVisible()) == ("from the layer 'beads'", True)
    write(qtbot, child(microscope_form, QDoubleSpinBox, "pixel_size_um"), "0.07")
    assert microscope_form.value().pixel_size_um == 0.07
    assert not origin.isVisible()
    microscope_form.setPixelSize(None, "not square", "warning")
    assert microscope_form.value().pixel_size_um == 0.07
    assert (origin.level(), origin.isVisible()) == ("warning", True)


def test_optics_that_nobody_gave_stand_out_as_assumed(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    notice = child(microscope_form, Notice, "optics_origin")
    assert notice.text() == "\u26a0 NA, immersion index and wavelength are assumed: check them."
    assert notice.level() == "warning"
    tags = microscope_form.findChildren(OriginTag)
    assert [tag.value() for tag in tags] == ["assumed"] * 4 and all("assumed" in tag.text() for tag in tags)
    write(qtbot, child(microscope_form, QDoubleSpinBox, "na"), "1.3")
    assert notice.text() == "\u26a0 Immersion index and wavelength are assumed: check them."
    microscope_form.setAcquisition(said_by("OME-XML", "a.tif", wavelengths_um=(0.6,)), before=Place("'first'"))
    # What was typed for one image is nobody's statement about the next.
    assert notice.text() == (
        "\u26a0 Wavelength from the file a.tif. Immersion index is assumed: check it. NA is taken over from 'first': "
        "check it."
    )
    assert microscope_form.origins() == {
        "na": "assumed", "n_immersion": "assumed", "wavelength_um": "file", "pixel_size_um": "assumed",
    }  # fmt: skip
    microscope_form.setValue(WIDE_FIELD)
    assert not notice.isVisible()
    assert set(microscope_form.origins().values()) == {"typed"}


def test_an_assumed_number_is_confirmed_by_typing_it_again(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    write(qtbot, child(microscope_form, QDoubleSpinBox, "na"), "1.4")
    assert microscope_form.origins()["na"] == "typed"


def test_optics_from_a_file_are_marked_until_others_are_typed(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    notice = child(microscope_form, Notice, "optics_origin")
    taken = said_by("OME-XML", "/data/cells.ome.tif", na=1.2, n_immersion=1.33, wavelengths_um=(0.509, 0.461))
    with qtbot.waitSignal(microscope_form.valueChanged):
        microscope_form.setAcquisition(taken)
    found = microscope_form.value()
    assert (found.na, found.n_immersion, found.wavelength_um) == (1.2, 1.33, 0.509)
    assert (notice.level(), notice.isVisible()) == ("note", True)
    assert notice.text() == "NA, immersion index and wavelength of channel 1 of 2 from the file cells.ome.tif."
    write(qtbot, child(microscope_form, QDoubleSpinBox, "na"), "1.1")
    assert notice.text() == "Immersion index and wavelength of channel 1 of 2 from the file cells.ome.tif."
    # Numbers that the next file does not state stay, but nobody has stated them for it.
    microscope_form.setAcquisition(said_by("OME-XML", "b.tif", wavelengths_um=(0.6,)), before=Place("'cells'"))
    assert (microscope_form.value().na, microscope_form.value().wavelength_um) == (1.1, 0.6)
    assert notice.text() == (
        "\u26a0 Wavelength from the file b.tif. NA and immersion index are taken over from 'cells': check them."
    )
    microscope_form.setAcquisition(Acquisition(), "bioio is missing.")
    assert notice.level() == "warning" and notice.text().endswith("bioio is missing.")
    microscope_form.setValue(WIDE_FIELD)
    assert not notice.isVisible()


@pytest.mark.parametrize("typed", ["525 nm", "525nm", "0.525", "0,525", "0.525 um", "0.525 \u00b5m"])
def test_a_length_is_taken_as_people_write_it(qtbot: QtBot, microscope_form: MicroscopeForm, typed: str) -> None:
    write(qtbot, child(microscope_form, QDoubleSpinBox, "wavelength_um"), typed)
    assert microscope_form.value().wavelength_um == 0.525
    assert not child(microscope_form, Notice, "question").isVisible()


@pytest.mark.parametrize(("typed", "pixel"), [("0.1083", 0.1083), ("0,10833", 0.10833), ("108.3 nm", 0.1083)])
def test_no_digit_of_a_pixel_size_is_swallowed(
    qtbot: QtBot, microscope_form: MicroscopeForm, typed: str, pixel: float
) -> None:
    write(qtbot, child(microscope_form, QDoubleSpinBox, "pixel_size_um"), typed)
    assert microscope_form.value().pixel_size_um == pixel


def test_a_wavelength_that_light_does_not_have_is_asked_about(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    box = child(microscope_form, QDoubleSpinBox, "wavelength_um")
    question, answer = (
        child(microscope_form, Notice, "question"),
        child(microscope_form, QPushButton, "take_suggestion"),
    )
    write(qtbot, box, "525")
    assert box.value() == 525 and "A wavelength of 525 \u00b5m?" in question.text() and question.level() == "warning"
    assert answer.text() == "Take 525 nm"
    qtbot.mouseClick(answer, Qt.MouseButton.LeftButton)
    assert microscope_form.value().wavelength_um == 0.525
    assert not question.isVisible() and not answer.isVisible()
    assert microscope_form.origins()["wavelength_um"] == "typed"


@pytest.mark.parametrize(
    ("typed", "words"),
    [("0.02", "binning, magnification"), ("6.5", "camera's pixel by the magnification"), ("65", "of the Nyquist")],
)
def test_pixels_of_no_usual_size_are_asked_about(
    qtbot: QtBot, microscope_form: MicroscopeForm, typed: str, words: str
) -> None:
    question = child(microscope_form, Notice, "question")
    write(qtbot, child(microscope_form, QDoubleSpinBox, "pixel_size_um"), "0.05")
    assert not question.isVisible()
    write(qtbot, child(microscope_form, QDoubleSpinBox, "pixel_size_um"), typed)
    assert words in question.text()
    assert child(microscope_form, QPushButton, "take_suggestion").isVisible() == (typed == "65")
