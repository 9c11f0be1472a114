"""Layers are called in the forms, in what is found and in what is said as they are called now."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from driving import MICROMETRES, child, know_the_blur, press, status, write
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox

from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice


def test_origins_follow_the_names_of_layers(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    stated = Microscope(na=0.8, wavelength_um=0.6, pixel_size_um=0.15, n_immersion=1.0)
    metadata = {METADATA_KEY: {"settings": {"microscope": asdict(stated)}}}
    first = viewer.add_image(cells, name="a", scale=(0.15, 0.15), units=("um", "um"), metadata=metadata)
    optics, size = child(dock, Notice, "optics_origin"), child(dock, Notice, "pixel_size_origin")
    assert optics.text() == "NA, immersion index and wavelength from the layer 'a'."
    first.name = "beads"
    assert optics.text() == "NA, immersion index and wavelength from the layer 'beads'."
    assert size.text() == "Microscope and pixel size from 'beads'."
    second = viewer.add_image(cells, name="b", **MICROMETRES)
    combo = child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText("b"))
    first.name = "c"
    second.name = "d"
    assert "are taken over from 'c': check them." in optics.text()
    assert size.text() == "Pixel size from the layer 'd'."
    # A typed size is not said to be of the layer, and stays where only the name has changed since.
    write(qtbot, child(dock, QDoubleSpinBox, "pixel_size_um"), "0.12")
    second.name = "e"
    assert size.text() == ""
    second.translate = (1, 2)
    second.scale = (-0.1, 0.1)
    assert (
        dock.value().optics.pixel_size_um == 0.12 and child(dock, MicroscopeForm).origins()["pixel_size_um"] == "typed"
    )
    # A layer that has gone keeps its name, whatever is called so later.
    viewer.layers.remove(first)
    viewer.add_image(cells, name="c").name = "f"
    assert "are taken over from 'c': check them." in optics.text()


def test_results_and_inputs_follow_their_names(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    layer = viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    know_the_blur(dock)
    press(qtbot, dock)
    layer.name = "nuclei"
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=180_000)
    assert "removed" not in status(dock).text()
    # Renamed before there was anything of it: the result, its record and what is said have the name of now.
    result = viewer.layers["nuclei deblurred"]
    assert result.metadata[METADATA_KEY]["input"]["layer"] == "nuclei"
    assert child(dock, Notice, "result_name").text() == "nuclei deblurred"
    assert "'nuclei deblurred'" in status(dock).text()
    result.name = "sharp"
    assert child(dock, Notice, "result_name").text() == "sharp"


def test_a_series_that_is_renamed_while_it_fills_is_called_as_its_image(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    series = viewer.add_image(np.stack([cells[:48, :48]] * 4), name="a", axis_labels=("time", "y", "x"))
    know_the_blur(dock)
    for renamed, own in (("b", ""), ("c", "mine")):
        before = len(viewer.layers)
        press(qtbot, dock)
        qtbot.waitUntil(lambda count=before: len(viewer.layers) > count, timeout=180_000)
        series.name = renamed
        result = viewer.layers[-1]
        result.name = own or result.name
        qtbot.waitUntil(lambda: not dock.isRunning(), timeout=180_000)
        # A name that a user has given stays.
        assert result.name == (own or f"{renamed} deblurred")
        assert f"'{result.name}'" in status(dock).text()
        assert result.metadata[METADATA_KEY]["input"]["layer"] == renamed
