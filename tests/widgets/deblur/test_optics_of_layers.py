"""Optics belong to a layer, each number with where it is from; results say on which assumptions they rest."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tifffile
from driving import MICROMETRES, child, know_the_blur, run_to_the_end, said_once, write
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit

from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.deblur.axes_form import AxesForm
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice


def origins(dock: DeblurDock) -> str:
    """Return the first letters of the origins of NA, immersion index, wavelength and pixel size."""
    form: MicroscopeForm = child(dock, MicroscopeForm)
    return "".join(form.origins()[name][0] for name in ("na", "n_immersion", "wavelength_um", "pixel_size_um"))


def choose_layer(dock: DeblurDock, name: str) -> None:
    combo = child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText(name))


def test_typed_optics_stay_with_their_image(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    notice = child(dock, Notice, "optics_origin")
    viewer.add_image(cells, name="first", **MICROMETRES)
    assert origins(dock) == "aaaf"
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "0.8")
    write(qtbot, child(dock, QDoubleSpinBox, "pixel_size_um"), "0.12")
    viewer.add_image(cells, name="second", **MICROMETRES)
    assert origins(dock) == "taat"
    choose_layer(dock, "second")
    # Taken over, and said to be.
    assert dock.value().optics.na == 0.8 and origins(dock) == "aaaf"
    assert "NA is taken over from 'first': check it." in notice.text() and notice.level() == "warning"
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.2")
    choose_layer(dock, "first")
    assert dock.value().optics.na == 0.8 and dock.value().optics.pixel_size_um == 0.12
    assert origins(dock) == "taat"
    choose_layer(dock, "second")
    assert dock.value().optics.na == 1.2 and dock.value().optics.pixel_size_um == 0.1


def test_a_result_says_on_which_assumptions_it_rests_and_typed_optics_survive_it(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.2")
    know_the_blur(dock)
    form: MicroscopeForm = child(dock, MicroscopeForm)
    form.setOrigins({"n_immersion": "assumed", "wavelength_um": "assumed", "pixel_size_um": "file"})
    assert run_to_the_end(qtbot, dock).level() == "note"
    words = "Rests on assumed numbers: immersion index 1.515 and wavelength 0.525 µm."
    assert said_once(dock, words)
    rests = child(dock, Notice, "rests_on")
    assert words in rests.text() and rests.level() == "warning"
    result = viewer.layers["cells deblurred"]
    kept = {"na": "typed", "n_immersion": "assumed", "wavelength_um": "assumed", "pixel_size_um": "file"}
    assert result.metadata[METADATA_KEY]["origins"] == kept
    # A result brings its optics with their origins, and leaves those of its image alone.
    choose_layer(dock, "cells deblurred")
    assert origins(dock) == "taaf" and dock.value().optics.na == 1.2
    choose_layer(dock, "cells")
    assert origins(dock) == "taaf" and dock.value().optics.na == 1.2


def test_optics_of_a_record_are_not_taken_for_those_of_the_next_image(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    stated = Microscope(na=0.8, wavelength_um=0.6, pixel_size_um=0.15, n_immersion=1.0)
    metadata = {METADATA_KEY: {"settings": {"microscope": asdict(stated)}}}
    viewer.add_image(cells, name="stated", scale=(0.15, 0.15), units=("um", "um"), metadata=metadata)
    assert origins(dock) == "ffff"
    viewer.add_image(cells, name="bare")
    choose_layer(dock, "bare")
    assert origins(dock) == "aaaa"
    assert "taken over from 'stated'" in child(dock, Notice, "optics_origin").text()
    assert child(dock, Notice, "pixel_size_origin").level() == "warning"


@pytest.fixture
def imagej(tmp_path: Path, cells: NDArray[np.uint16]) -> Path:
    """Write a stack of two planes and three channels as ImageJ does, 0.3 µm from plane to plane."""
    file = tmp_path / "stack.tif"
    metadata = {"axes": "ZCYX", "spacing": 0.3, "unit": "um"}
    stack = np.stack([np.stack([cells[:48, :56]] * 3)] * 2)
    tifffile.imwrite(file, stack, imagej=True, resolution=(1 / 0.08, 1 / 0.08), metadata=metadata)
    return file


def test_the_file_is_asked_whoever_has_read_it(viewer: Viewer, dock: DeblurDock, imagej: Path) -> None:
    viewer.open(imagej, plugin="napari")
    value = child(dock, AxesForm).value()
    assert value.axes == "ZCYX" and value.plane_spacing_um == pytest.approx(0.3)
    assert dock.value().optics.pixel_size_um == pytest.approx(0.08)
    assert child(dock, QLineEdit, "channel_wavelengths").isVisible()


def test_axes_that_a_layer_names_count_more_than_those_of_its_file(
    viewer: Viewer, dock: DeblurDock, imagej: Path
) -> None:
    viewer.open(imagej, plugin="napari", axis_labels=("t", "z", "y", "x"))
    assert child(dock, AxesForm).value().axes == "TZYX"


def test_channels_that_became_layers_have_their_own_wavelengths(
    viewer: Viewer, dock: DeblurDock, tmp_path: Path, cells: NDArray[np.uint16]
) -> None:
    file = tmp_path / "two.ome.tif"
    channels = {"Name": ["GFP", "mCherry"], "EmissionWavelength": [509, 610], "EmissionWavelengthUnit": ["nm", "nm"]}
    metadata = {"axes": "CZYX", "Channel": channels, "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.4}
    tifffile.imwrite(file, np.stack([np.stack([cells[:48, :48]] * 3)] * 2), ome=True, metadata=metadata)
    viewer.open(file, plugin="napari", channel_axis=0)
    wavelengths = {}
    for layer in list(viewer.layers):
        choose_layer(dock, layer.name)
        wavelengths[layer.name] = dock.value().optics.wavelength_um
        assert child(dock, AxesForm).value().axes == "ZYX"
        assert child(dock, AxesForm).value().plane_spacing_um == pytest.approx(0.4)
    assert sorted(wavelengths.values()) == [0.509, 0.61]
    assert "channel 2 of 2" in child(dock, Notice, "optics_origin").text()


def test_a_mask_is_refused(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(cells > 500, name="mask")
    assert "is a mask" in child(dock, Notice, "layer_reason").text()
