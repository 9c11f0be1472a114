"""The panel describes the selected result, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from driving import MICROMETRES, PATIENCE_MS, child, choose, know_the_blur, press, run_to_the_end, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QCheckBox, QComboBox, QSlider

from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.results_panel import ResultsPanel
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice


def described(dock: DeblurDock) -> str:
    """Return the name of the result that is described; empty where there is none."""
    panel: ResultsPanel = child(dock, ResultsPanel)
    return str(child(dock, Notice, "result_name").text()) if panel.isVisible() else ""


@pytest.fixture
def results(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> DeblurDock:
    """Deblur two images."""
    know_the_blur(dock)
    for name, plane in (("first", cells[:48, :48]), ("second", cells[40:88, :56])):
        layer = viewer.add_image(plane, name=name, **MICROMETRES)
        combo = child(dock, QComboBox, "layer")
        combo.setCurrentIndex(combo.findText(layer.name))
        run_to_the_end(qtbot, dock)
    return dock


def test_the_selected_result_is_described_by_name(viewer: Viewer, results: DeblurDock) -> None:
    panel: ResultsPanel = child(results, ResultsPanel)
    assert described(results) == "second deblurred"
    second = panel.value()
    viewer.layers.selection.active = viewer.layers["first deblurred"]
    assert described(results) == "first deblurred" and panel.value() != second
    for name in ("first", "second"):
        viewer.layers.selection.active = viewer.layers[name]
        assert described(results) == ""


def test_no_result_is_described_for_another_image(viewer: Viewer, results: DeblurDock) -> None:
    assert described(results) == "second deblurred"
    combo = child(results, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText("first"))
    assert described(results) == ""
    assert viewer.layers.selection.active == viewer.layers["first"]
    viewer.layers.selection.active = viewer.layers["second deblurred"]
    viewer.layers.remove("second deblurred")
    assert "second" not in described(results)


def test_after_an_error_there_is_no_green_tick(
    qtbot: QtBot, viewer: Viewer, results: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(np.full((48, 48), 7.0), name="dark", contrast_limits=(0, 10), **MICROMETRES)
    combo = child(results, QComboBox, "layer")
    viewer.layers.selection.active = viewer.layers["first deblurred"]
    combo.setCurrentIndex(combo.findText("dark"))
    run_to_the_end(qtbot, results)
    assert status(results).level() == "error"
    assert described(results) == "" and not child(results, Notice, "verdict").isVisible()


def test_after_a_cancel_there_is_no_result(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    know_the_blur(dock)
    hold.set()
    run_to_the_end(qtbot, dock)
    assert described(dock) == "cells deblurred"
    hold.clear()
    press(qtbot, dock)
    assert described(dock) == ""
    press(qtbot, dock)
    assert not dock.isRunning() and described(dock) == ""
    hold.set()


def test_a_result_from_a_file_is_described_by_its_record(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], tmp_path: Path
) -> None:
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    choose(dock, "method", "wiener")
    run_to_the_end(qtbot, dock)
    notices = [child(dock, Notice, name) for name in ("verdict", "psf_metrics", "rests_on", "noise_found")]
    words = [notice.text() for notice in notices]
    assert all(words)
    # The PSFs of a run are a part of it.
    viewer.layers.selection.active = viewer.layers["cells PSFs"]
    assert described(dock) == "cells deblurred" and [notice.text() for notice in notices] == words
    rows = child(dock, CoefficientsPlot, "coefficients_plot").rows()
    file = tmp_path / "kept.ome.tif"
    viewer.layers["cells deblurred"].save(str(file))
    viewer.layers.clear()
    assert described(dock) == ""
    viewer.open(file, plugin="napari-deepblur")
    assert described(dock) == "cells deblurred"
    assert [notice.text() for notice in notices] == words
    assert child(dock, CoefficientsPlot, "coefficients_plot").rows() == rows


def test_of_a_series_the_worst_frame_is_judged(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    part = cells[:48, :48]
    rng = np.random.default_rng(0)
    odd = np.repeat(np.repeat(rng.uniform(0, 60000, (24, 24)), 2, 0), 2, 1).astype(np.uint16)
    viewer.add_image(np.stack([part, odd]), name="film", scale=(1, 0.1, 0.1), units=("s", "um", "um"))
    know_the_blur(dock)
    run_to_the_end(qtbot, dock)
    record = viewer.layers["film deblurred"].metadata[METADATA_KEY]
    found = [entry["residual"] for entry in record["frames"]]
    grade = {"green": 0, "yellow": 1, "red": 2}
    worst = int(np.argmax([10 * grade[entry["light"]] + entry["structure"] for entry in found]))
    assert child(dock, Notice, "verdict").text().lstrip("✔⚠✖ ").startswith(f"The worst frame, time {worst}: ")


def test_a_preview_is_described_where_no_result_is_selected(qtbot: QtBot, viewer: Viewer, results: DeblurDock) -> None:
    panel: ResultsPanel = child(results, ResultsPanel)
    run = panel.value()
    child(results, QCheckBox, "preview").setChecked(True)
    qtbot.waitUntil(lambda: "second preview" in viewer.layers, timeout=PATIENCE_MS)
    # The run that is selected stays described.
    assert described(results) == "second deblurred"
    assert panel.value() == run
    viewer.layers.selection.active = viewer.layers["second"]
    assert described(results).startswith("Preview: second preview")
    child(results, QCheckBox, "preview").setChecked(False)
    assert described(results) == ""


def test_an_image_with_other_data_is_no_before(viewer: Viewer, results: DeblurDock) -> None:
    slider = child(results, QSlider, "before_after")
    image, result = viewer.layers["second"], viewer.layers["second deblurred"]
    assert described(results) == "second deblurred" and slider.isVisibleTo(results)
    image.data = image.data[::-1].copy()
    assert described(results) == "second deblurred" and not slider.isVisibleTo(results)
    viewer.layers.selection.active = viewer.layers["first deblurred"]
    assert slider.isVisibleTo(results)
    viewer.layers.selection.active = result
    assert not slider.isVisibleTo(results)


def test_other_data_during_a_run_are_said(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    image = viewer.add_image(cells[:48, :48], name="image", **MICROMETRES)
    know_the_blur(dock)
    press(qtbot, dock)
    image.data = cells[40:88, :48]
    hold.set()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert "'image' was given other data meanwhile: the result is of those before" in status(dock).text()
    assert not child(dock, QSlider, "before_after").isVisibleTo(dock)


def test_a_result_that_was_deleted_during_its_run_was_not_added(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(np.stack([cells[:48, :48]] * 24), name="series", axis_labels=("t", "y", "x"))
    know_the_blur(dock)
    press(qtbot, dock)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=PATIENCE_MS)
    assert dock.isRunning()
    viewer.layers.remove("series deblurred")
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert "added" not in status(dock).text()
    assert "'series deblurred' was removed meanwhile" in status(dock).text()
    assert described(dock) == "" and [layer.name for layer in viewer.layers] == ["series"]
