"""What the bead dock says of where the optics are from."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from driving import child
from napari.viewer import Viewer
from qtpy.QtWidgets import QListWidget

from napari_deepblur.samples.beads import bead_sample_microscope
from napari_deepblur.widgets.calibration.dock import CalibrationDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice


@pytest.fixture
def bead_dock(viewer: Viewer) -> CalibrationDock:
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Bead calibration")
    assert isinstance(dock, CalibrationDock)
    return dock


def test_optics_of_beads_are_of_their_layer_and_follow_its_name(viewer: Viewer, bead_dock: CalibrationDock) -> None:
    optics = bead_sample_microscope()
    record = {METADATA_KEY: {"settings": {"microscope": asdict(optics)}, "origins": {"n_immersion": "assumed"}}}
    beads = np.random.default_rng(0).poisson(9, (3, 64, 64)).astype(np.uint16)
    size = {"scale": (0.2, 0.065, 0.065), "units": ("um",) * 3}
    first = viewer.add_image(beads, name="a", metadata=record, **size)
    form, said = child(bead_dock, MicroscopeForm), child(bead_dock, Notice, "optics_origin")
    assert form.value() == optics
    assert form.origins() == {"na": "file", "n_immersion": "assumed", "wavelength_um": "file", "pixel_size_um": "file"}
    assert "NA and wavelength from the layer 'a'." in said.text()
    first.name = "slide"
    assert "NA and wavelength from the layer 'slide'." in said.text()
    assert child(bead_dock, Notice, "pixel_size_origin").text() == "Pixel size from the layer 'slide'."
    viewer.add_image(beads, name="b", **size)
    rows = child(bead_dock, QListWidget, "bead_sources")
    rows.setCurrentRow([rows.item(row).text() for row in range(rows.count())].index("b"))
    first.name = "old"
    # Numbers of another slide are nobody's statement about this one.
    assert form.value().na == optics.na and form.origins()["na"] == "assumed"
    assert "NA and wavelength are taken over from 'old': check them." in said.text()
    assert child(bead_dock, Notice, "pixel_size_origin").text() == "Pixel size from the layer 'b'."
