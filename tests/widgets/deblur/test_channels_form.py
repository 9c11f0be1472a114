"""Wavelengths of channels, in the form and through the dock."""

from __future__ import annotations

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QPushButton

from napari_deepblur.errors import SettingsError
from napari_deepblur.io.acquisition import said_by
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.widgets.deblur.channels_form import ChannelsForm
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from tests.pipeline.series.frames_of import frames_of

MICROMETRES = {"scale": (1, 0.07, 0.07), "units": ("pixel", "um", "um"), "axis_labels": ("c", "y", "x")}


@pytest.fixture
def form(qtbot: QtBot) -> ChannelsForm:
    made = ChannelsForm()
    qtbot.addWidget(made)
    return made


def test_it_is_hidden_without_channels_and_empty_means_one_wavelength_for_all(form: ChannelsForm) -> None:
    assert form.isHidden() and form.value() is None
    form.setChannels(2)
    assert not form.isHidden() and form.value() is None
    form.setValue((0.45, 0.525))
    assert form.value() == (0.45, 0.525)
    form.setChannels(3)
    assert form.value() is None
    form.setChannels(0)
    assert form.isHidden()


def test_what_the_image_states_is_filled_in_where_it_differs(form: ChannelsForm) -> None:
    form.setChannels(2, (0.45, 0.6))
    assert form.value() == (0.45, 0.6)
    for stated in ((0.5, 0.5), (0.45, None), (0.45,)):
        form.setValue(None)
        form.setChannels(2, stated)
        assert form.value() is None


@pytest.mark.parametrize(
    "text", ["0.45, 0.525", "0,45; 0,525", "0,45, 0,525", "450 nm, 525 nm", "0.45,0.525", "450nm;0.525 µm"]
)
def test_wavelengths_are_written_as_people_do(form: ChannelsForm, text: str) -> None:
    form.setChannels(2)
    form.setText(text)
    assert form.value() == pytest.approx((0.45, 0.525))
    form.setText("450, 525")
    notice = form.findChild(QLabel, "channels_notice")
    assert notice is not None and "450 µm?" in notice.text()


@pytest.mark.parametrize(("text", "words"), [("0.45", "1 wavelengths for 2 channels"), ("blue, red", "no wavelengths")])
def test_what_is_wrong_is_said(form: ChannelsForm, text: str, words: str) -> None:
    form.setChannels(2)
    field, notice = form.findChild(QLineEdit, "channel_wavelengths"), form.findChild(QLabel, "channels_notice")
    assert field is not None and notice is not None
    field.setText(text)
    assert words in notice.text()
    with pytest.raises(SettingsError, match=words):
        form.value()


def test_each_channel_is_deblurred_with_its_own_optics(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    stack = np.stack([cells, cells[::-1]])
    stated = said_by("settings", na=1.3, n_immersion=1.515, wavelengths_um=(0.45, 0.6))
    metadata = {METADATA_KEY: {"acquisition": {"na": 1.3, "n_immersion": 1.515, "wavelengths_um": [0.45, 0.6]}}}
    viewer.add_image(stack, name="two", metadata=metadata, **MICROMETRES)
    assert dock.value().channel_wavelengths_um == stated.wavelengths_um
    microscope = Microscope(na=1.3, wavelength_um=0.45, pixel_size_um=0.07, n_immersion=1.515)
    settings = DeblurSettings(
        microscope=microscope, channel_wavelengths_um=(0.45, 0.6), method="wiener", theta=(0.05,) * 8, device="cpu"
    )
    dock.setValue(settings)
    assert dock.value() == settings
    button = dock.findChild(QPushButton, "run")
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=60_000)
    for frame in frames_of(stack, "CYX", settings):
        np.testing.assert_array_equal(viewer.layers["two deblurred"].data[frame.index], frame.image)


def test_a_measured_family_has_one_wavelength(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(np.stack([cells, cells]), **MICROMETRES)
    dock.setValue(DeblurSettings(microscope=Microscope(pixel_size_um=0.07), channel_wavelengths_um=(0.5, 0.6)))
    dock.setValue(DeblurSettings(microscope=Microscope(pixel_size_um=0.07), family="demonstration"))
    assert dock.value().channel_wavelengths_um is None
