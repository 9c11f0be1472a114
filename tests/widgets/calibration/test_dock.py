"""The Bead calibration dock in a real napari window, driven by its buttons."""

from __future__ import annotations

import csv
import html
import threading
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import PATIENCE_MS, activities, child, press, status
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QFileDialog, QProgressBar, QPushButton

from napari_deepblur import calibration
from napari_deepblur.calibration import Calibration, calibrate_steps
from napari_deepblur.io.families import find_family, load_family
from napari_deepblur.io.images import read_image
from napari_deepblur.io.weights import FOLDER_VARIABLE
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.progress import Progress
from napari_deepblur.samples.beads import BEAD_DIAMETER_UM, BEAD_PATCH_SIZE, bead_sample_microscope, bead_sample_path
from napari_deepblur.widgets.calibration.adaptation_panel import AdaptationPanel
from napari_deepblur.widgets.calibration.bead_detection import State
from napari_deepblur.widgets.calibration.bead_form import BeadChoice, BeadForm
from napari_deepblur.widgets.calibration.bead_preview import BeadPreview
from napari_deepblur.widgets.calibration.bead_source_form import BeadSourceForm
from napari_deepblur.widgets.calibration.dock import CalibrationDock
from napari_deepblur.widgets.calibration.results import CalibrationResults
from napari_deepblur.widgets.deblur import family_form
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.form_area import FormArea
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice

MICROMETRES = {"scale": (0.2, 0.065, 0.065), "units": ("um", "um", "um")}
CHOICE = BeadChoice(diameter_um=BEAD_DIAMETER_UM, patch_size=BEAD_PATCH_SIZE)


def _wait_for_beads(qtbot: QtBot, dock: CalibrationDock) -> BeadPreview:
    preview: BeadPreview = child(dock, BeadPreview)
    qtbot.waitUntil(lambda: not preview.is_busy(), timeout=PATIENCE_MS)
    return preview


@pytest.fixture
def calibration_dock(
    viewer: Viewer, untrained_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[CalibrationDock]:
    """Open the dock as the menu does, without images."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(untrained_weights))
    monkeypatch.setattr(family_form, "_chosen_files", [])
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Bead calibration")
    assert isinstance(dock, CalibrationDock)
    child(dock, BeadForm).setValue(CHOICE)
    yield dock


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrate with fixed numbers of eigen-PSFs and maps, which spares the search for them."""

    def steps(*arguments: Any, **options: Any) -> Generator[Progress, None, Calibration]:
        return (yield from calibrate_steps(*arguments, **options, n_psfs=4, n_maps=2))

    monkeypatch.setattr(calibration, "calibrate_steps", steps)


def _add_beads(viewer: Viewer, name: str = "beads") -> Any:
    record = {METADATA_KEY: {"settings": {"microscope": asdict(bead_sample_microscope())}}}
    return viewer.add_image(read_image(bead_sample_path()), name=name, metadata=record, **MICROMETRES)


def _calibrate(qtbot: QtBot, dock: CalibrationDock) -> None:
    _wait_for_beads(qtbot, dock)
    press(qtbot, dock, "run")
    assert dock.isRunning()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    _wait_for_beads(qtbot, dock)


def test_from_a_layer_of_beads_to_a_deblurred_layer(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beads = _add_beads(viewer)
    viewer.window.resize(1366, 700)
    _calibrate(qtbot, calibration_dock)
    assert status(calibration_dock).text().startswith("Done in")
    names = ["beads", "beads rings", "beads maps", "beads eigen-PSFs", "beads measured and modelled"]
    assert [layer.name for layer in viewer.layers] == names
    found = calibration_dock.value()
    assert found is not None
    assert found.microscope == bead_sample_microscope()
    np.testing.assert_array_equal(viewer.layers["beads eigen-PSFs"].data, found.eigen_psfs)
    maps = viewer.layers["beads maps"]
    # From the first to the last pixel's centre, in the same units.
    np.testing.assert_allclose(maps.extent.world[:, 1:], beads.extent.world[:, 1:])
    assert {layer.units[-1] for layer in viewer.layers} == {beads.units[-1]}
    summary = child(calibration_dock, Notice, "bead_summary").text()
    assert summary.startswith(f"{int(found.beads.kept.sum())} of {len(found.beads)} beads used")

    answers = iter([str(tmp_path / "beads"), str(tmp_path / "report"), str(tmp_path / "scope")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(answers), ""))
    press(qtbot, calibration_dock, "table")
    rows = list(csv.DictReader((tmp_path / "beads.csv").read_text().splitlines()))
    assert [int(row["kept"]) for row in rows] == found.beads.kept.astype(int).tolist()

    # The verdict: a line for each, with a sign beside the colour, and the same in the report.
    lines = [child(calibration_dock, Notice, f"calibration_finding_{place}") for place in range(6)]
    # Its first line is seen, also in a low window.
    results, area = child(calibration_dock, CalibrationResults), child(calibration_dock, FormArea)
    qtbot.waitUntil(lambda: 0 <= results.mapTo(area, results.rect().topLeft()).y() < area.height() / 2, timeout=5000)
    assert [line.text().split(":")[0].lstrip("✔⚠✖ ") for line in lines if line.text()] == [
        "Beads",
        "Field",
        "Photons",
        "Width",
        "Eigen-PSFs",
        "Prediction",
    ]
    assert all(line.text()[0] in "✔⚠✖" and line.level() != "note" for line in lines)
    press(qtbot, calibration_dock, "report")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(line.text().split(": ", 1)[1] in html.unescape(page) for line in lines)

    press(qtbot, calibration_dock, "use")
    file = tmp_path / "scope.safetensors"
    family = load_family(file)
    assert isinstance(family, ProductConvolutionFamily)
    np.testing.assert_array_equal(family.maps, found.maps)
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    assert isinstance(dock, DeblurDock)
    assert dock.value().blur.file == str(file)
    assert dock.value().microscope == bead_sample_microscope()
    assert child(dock, QComboBox, "family").currentText() == "scope"

    plane = viewer.add_image(beads.data[1], name="plane", scale=(0.065, 0.065), units=("um", "um"))
    child(dock, QComboBox, "layer").setCurrentText("plane")
    press(qtbot, dock, "run")
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert "Done in" in status(dock).text()
    result = viewer.layers["plane deblurred"]
    assert result.data.shape == plane.data.shape
    assert result.metadata[METADATA_KEY]["settings"]["blur"]["file"] == str(file)


def test_a_saved_family_is_opened_and_can_be_adapted(
    qtbot: QtBot, calibration_dock: CalibrationDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["", str(tmp_path / "none.safetensors"), str(find_family("demonstration"))])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (next(answers), ""))
    panel = child(calibration_dock, AdaptationPanel)
    press(qtbot, calibration_dock, "open_family")
    assert panel.isHidden() and status(calibration_dock).text() == ""
    press(qtbot, calibration_dock, "open_family")
    assert panel.isHidden() and status(calibration_dock).level() == "error"
    press(qtbot, calibration_dock, "open_family")
    assert panel.isVisible() and panel.value() == find_family("demonstration")
    assert child(panel, QPushButton, "adaptation_run").isEnabled()
    assert "is open" in status(calibration_dock).text()


def test_beads_are_shown_judged_and_decided_on(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, quick: None
) -> None:
    _add_beads(viewer)
    preview = _wait_for_beads(qtbot, calibration_dock)
    layer = viewer.layers["beads rings"]
    states = list(layer.features["state"])
    assert states.count("kept") >= 8
    assert "near the border" in set(layer.features["reason"])
    assert (layer.features["reason"] != "").tolist() == [state == "rejected" for state in states]
    kept = states.index("kept")
    border = layer.features["reason"].tolist().index("near the border")
    place = layer.data[kept].copy()

    preview.toggle([border])
    assert "near the border" in child(calibration_dock, Notice, "bead_count").text()
    preview.toggle([kept, border])
    assert len(preview.overrides(child(calibration_dock, BeadSourceForm).value())) == 1
    _wait_for_beads(qtbot, calibration_dock)
    assert viewer.layers["beads rings"] == layer
    assert layer.features["state"][kept] == "excluded by hand"
    assert layer.features["state"][border] == "rejected"
    assert not np.allclose(layer.border_color[kept], layer.border_color[border])

    _calibrate(qtbot, calibration_dock)
    found = calibration_dock.value()
    assert found is not None
    nearest = int(np.hypot(*(found.beads.points - place).T).argmin())
    assert str(found.beads.reason[nearest]) == "excluded by hand"
    shown = preview.value()
    assert shown is not None
    assert State.EXCLUDED in shown.states
    press(qtbot, calibration_dock, "forget_decisions")
    assert preview.overrides(child(calibration_dock, BeadSourceForm).value()) == []


def test_the_threshold_moves_the_number_of_beads_and_the_layer_stays(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock
) -> None:
    _add_beads(viewer)
    _wait_for_beads(qtbot, calibration_dock)
    layer, form = viewer.layers["beads rings"], child(calibration_dock, BeadForm)
    assert len(layer.data) == 25
    counts = []
    for threshold in (200.0, 500.0, 1e9, 200.0):
        form.setValue(CHOICE._replace(threshold=threshold))
        _wait_for_beads(qtbot, calibration_dock)
        counts.append(len(layer.data))
    assert counts == [20, 15, 0, 20]
    form.setValue(CHOICE)
    _wait_for_beads(qtbot, calibration_dock)
    assert len(layer.data) == 25
    assert viewer.layers["beads rings"] == layer


def test_files_are_calibrated_like_layers_and_shown(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, quick: None
) -> None:
    assert not child(calibration_dock, QPushButton, "run").isEnabled()
    form = child(calibration_dock, BeadSourceForm)
    form.addFiles([bead_sample_path()])
    _wait_for_beads(qtbot, calibration_dock)
    assert [layer.name for layer in viewer.layers] == ["beads", "beads rings"]
    np.testing.assert_array_equal(viewer.layers["beads"].data, read_image(bead_sample_path()))
    _calibrate(qtbot, calibration_dock)
    found = calibration_dock.value()
    assert found is not None
    assert found.microscope is not None
    # What calibration itself has made is no image of beads.
    assert [source.name for source in form.value()] == ["beads"]
    # The sample says how large its pixels are.
    assert found.microscope.pixel_size_um == pytest.approx(0.065, rel=1e-3)
    np.testing.assert_allclose(viewer.layers["beads"].scale[1:], 0.065, rtol=1e-3)
    assert child(form, QPushButton, "remove_file").isEnabled()
    press(qtbot, form, "remove_file")
    assert form.value() == []


def test_what_is_wrong_is_said_and_nothing_is_lost(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, quick: None
) -> None:
    _add_beads(viewer)
    _calibrate(qtbot, calibration_dock)
    found, layers = calibration_dock.value(), list(viewer.layers)
    form, sources = child(calibration_dock, BeadForm), child(calibration_dock, BeadSourceForm)

    form.setValue(CHOICE._replace(threshold=1e9))
    _calibrate(qtbot, calibration_dock)
    assert "0 usable beads of 0 found, expected at least" in status(calibration_dock).text()
    assert child(calibration_dock, Notice, "status").level() == "error"

    form.setValue(CHOICE)
    small = viewer.add_image(np.random.default_rng(0).poisson(9, (2, 90, 90)), name="small field", **MICROMETRES)
    sources.setValue([*sources.value(), *(s for s in sources._sources if s.layer == small)])
    _calibrate(qtbot, calibration_dock)
    assert "has planes of (90, 90) pixels" in status(calibration_dock).text()
    assert "Stack 1 is 'small field'." in status(calibration_dock).text()
    assert calibration_dock.value() is found
    assert list(viewer.layers) == [*layers, small]


def test_a_run_can_be_cancelled(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add_beads(viewer)
    _wait_for_beads(qtbot, calibration_dock)
    go_on = threading.Event()

    def held(*_: Any, **__: Any) -> Generator[Progress, None, Calibration]:
        while not go_on.wait(0.01):
            yield Progress("find", 0, 10)
        raise AssertionError

    monkeypatch.setattr(calibration, "calibrate_steps", held)
    layers = list(viewer.layers)
    press(qtbot, calibration_dock, "run")
    assert child(calibration_dock, QPushButton, "run").text() == "Cancel"
    press(qtbot, calibration_dock, "run")
    qtbot.waitUntil(lambda: not calibration_dock.isRunning(), timeout=PATIENCE_MS)
    assert status(calibration_dock).text() == "Cancelled. Nothing was added."
    assert list(viewer.layers) == layers
    assert child(calibration_dock, QPushButton, "run").text() == "Calibrate"


def test_the_activity_panel_shows_the_calibration_while_it_lasts(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add_beads(viewer)
    _wait_for_beads(qtbot, calibration_dock)
    go_on = threading.Event()

    def held(*arguments: Any, **options: Any) -> Generator[Progress, None, Calibration]:
        steps = calibrate_steps(*arguments, **options, n_psfs=4, n_maps=2)
        while (step := next(steps)).stage != "fit":
            yield step
        yield step
        go_on.wait(60)
        return (yield from steps)

    monkeypatch.setattr(calibration, "calibrate_steps", held)
    press(qtbot, calibration_dock, "run")
    qtbot.waitUntil(lambda: any(done > 0 for _, done, _ in activities()), timeout=PATIENCE_MS)
    ((name, done, total),) = activities()
    bar = child(calibration_dock, QProgressBar, "progress")
    assert name == "Bead calibration"
    assert (done, total) == (bar.value(), bar.maximum())
    go_on.set()
    qtbot.waitUntil(lambda: not calibration_dock.isRunning(), timeout=PATIENCE_MS)
    assert activities() == []
    assert calibration_dock.value() is not None


def test_adaptation_needs_a_file_and_then_is_offered(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, quick: None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _add_beads(viewer)
    _calibrate(qtbot, calibration_dock)
    panel = child(calibration_dock, AdaptationPanel)
    answers = iter(["", str(tmp_path / "scope.safetensors")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(answers), ""))
    press(qtbot, calibration_dock, "adapt")
    assert not panel.isVisible()
    press(qtbot, calibration_dock, "adapt")
    assert panel.isVisible()
    assert panel.value() == tmp_path / "scope.safetensors"
