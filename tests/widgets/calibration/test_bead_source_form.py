"""The list of images of beads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget

from napari_deepblur.widgets.calibration.bead_source_form import BeadSourceForm
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice


@pytest.fixture
def form(viewer: Viewer) -> BeadSourceForm:
    made = BeadSourceForm(viewer)
    # The window takes it along when it closes.
    viewer.window.add_dock_widget(made)
    return made


def _rows(form: BeadSourceForm) -> dict[str, Any]:
    box = form.findChild(QListWidget, "bead_sources")
    assert box is not None
    return {box.item(row).text(): box.item(row) for row in range(box.count())}


def _names(form: BeadSourceForm) -> list[str]:
    return [source.name for source in form.value()]


def test_the_list_follows_the_viewer_and_keeps_what_is_ticked(
    qtbot: QtBot, viewer: Viewer, form: BeadSourceForm
) -> None:
    assert form.refusal()
    first = viewer.add_image(np.zeros((3, 20, 20)), name="a")
    assert _names(form) == ["a"]
    viewer.add_image(np.zeros((20, 20)), name="b")
    viewer.add_labels(np.zeros((20, 20), int), name="labels")
    viewer.add_image(np.zeros((20, 20)), name="eigen", metadata={METADATA_KEY: {"part": "eigen_psfs"}})
    assert list(_rows(form)) == ["a", "b"]
    assert _names(form) == ["a"]
    with qtbot.waitSignal(form.valueChanged):
        _rows(form)["b"].setCheckState(Qt.CheckState.Checked)
    assert _names(form) == ["a", "b"]
    assert form.refusal() == ""
    shown = form.shown()
    first.name = "renamed"
    assert _names(form) == ["renamed", "b"]
    assert form.shown() is shown
    with qtbot.waitSignals([form.valueChanged, form.shownChanged]):
        viewer.layers.remove(first)
    assert _names(form) == ["b"]


def test_layers_of_others_do_not_disturb(qtbot: QtBot, viewer: Viewer, form: BeadSourceForm) -> None:
    viewer.add_image(np.zeros((3, 20, 20)), name="a")
    with qtbot.assertNotEmitted(form.valueChanged), qtbot.assertNotEmitted(form.shownChanged):
        points = viewer.add_points(np.zeros((1, 2)))
        points.name = "beads"
        viewer.add_image(np.zeros((20, 20)), name="another")


def test_what_cannot_be_used_is_listed_with_its_reason(viewer: Viewer, form: BeadSourceForm) -> None:
    viewer.add_image(np.zeros((2, 3, 20, 20)), name="time series")
    assert _names(form) == []
    item = _rows(form)["time series"]
    assert not item.flags() & Qt.ItemFlag.ItemIsUserCheckable
    notice = form.findChild(Notice, "bead_source_reason")
    assert notice is not None
    assert "has 4 axes" in notice.text()


def test_files_are_added_once_and_ticked(qtbot: QtBot, viewer: Viewer, form: BeadSourceForm) -> None:
    viewer.add_image(np.zeros((3, 20, 20)), name="layer")
    with qtbot.waitSignals([form.valueChanged, form.shownChanged]):
        form.addFiles(["/data/one.tif", Path("/data/two.tif"), "/data/one.tif"])
    form.addFiles(["/data/two.tif"])
    assert _names(form) == ["layer", "one", "two"]
    shown = form.shown()
    assert shown is not None
    assert shown.name == "one"
    sources = form.value()
    form.setValue(sources[2:])
    assert _names(form) == ["two"]
    assert list(_rows(form)) == ["layer", "one", "two"]
    assert sources[2].folder == Path("/data")
