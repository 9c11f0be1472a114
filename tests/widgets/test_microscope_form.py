"""The form of the four numbers of a microscope."""

from __future__ import annotations

import pytest
from driving import child, write
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel

from napari_deepblur.errors import MicroscopeError
from napari_deepblur.io.acquisition import Acquisition, said_by
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice

WIDE_FIELD = Microscope(na=0.8, wavelength_um=0.52, pixel_size_um=0.16, n_immersion=1.0)


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
    box = child(microscope_form, QDoubleSpinBox, name)
    with qtbot.waitSignal(microscope_form.valueChanged):
        write(qtbot, box, "0.123" if name == "pixel_size_um" else "0.987" if name == "na" else "1.024")
    assert getattr(microscope_form.value(), name) == box.value() != getattr(WIDE_FIELD, name)
    assert "micrometres" in box.toolTip() if name.endswith("_um") else "no unit" in box.toolTip()
    layout = microscope_form.layout()
    assert isinstance(layout, QFormLayout)
    label = layout.labelForField(box)
    assert isinstance(label, QLabel)
    assert ("µm" in label.text()) == name.endswith("_um")


def test_na_above_the_index_is_an_error_that_is_shown(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    write(qtbot, child(microscope_form, QDoubleSpinBox, "n_immersion"), "1.33")
    consequence = child(microscope_form, Notice, "microscope_consequence")
    assert consequence.level() == "error"
    assert "1.41" in consequence.text()
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


def test_optics_that_nobody_gave_are_said_to_be_assumed(qtbot: QtBot, microscope_form: MicroscopeForm) -> None:
    notice = child(microscope_form, Notice, "optics_origin")
    assert notice.text() == "NA, immersion index and wavelength are assumed: check them."
    write(qtbot, child(microscope_form, QDoubleSpinBox, "na"), "1.3")
    assert notice.text() == "Immersion index and wavelength are assumed: check them."
    microscope_form.setAcquisition(said_by("OME-XML", "a.tif", wavelengths_um=(0.6,)))
    assert notice.text() == "Wavelength from the file a.tif. Immersion index is assumed: check it."
    microscope_form.setValue(WIDE_FIELD)
    assert not notice.isVisible()


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
    # Numbers that the next file does not state stay, but are no longer from a file.
    microscope_form.setAcquisition(said_by("OME-XML", "b.tif", wavelengths_um=(0.6,)))
    assert (microscope_form.value().na, microscope_form.value().wavelength_um) == (1.1, 0.6)
    assert notice.text() == "Wavelength from the file b.tif."
    microscope_form.setAcquisition(Acquisition(), "bioio is missing.")
    assert (notice.text(), notice.level()) == ("\u26a0 bioio is missing.", "warning")
    microscope_form.setValue(WIDE_FIELD)
    assert not notice.isVisible()
