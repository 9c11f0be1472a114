"""The More menu: settings from layers, runs as text that give the same pixels, blurs that are used again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QGuiApplication
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton

from napari_deepblur.cli import main
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.families import save_family
from napari_deepblur.io.images import read_image, write_tiff
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.operators import EigenPsfFamily, ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.widgets.deblur.axes_form import AxesForm
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY

OPTICS = Microscope(na=1.3, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.515)


@pytest.fixture
def opened(viewer: Viewer, cells: NDArray[np.uint16], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Open a file as a user does."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my cells.ome.tif"
    write_ome_tiff(file, cells, Acquisition(pixel_size_um=(0.09, 0.09), axes="YX"), name="cells")
    viewer.open(file, plugin="napari-deepblur")
    return file


def choose(dock: DeblurDock, name: str) -> str:
    """Click an entry of the menu, and return what the dock says."""
    button = dock.findChild(QPushButton, "more")
    assert button is not None and button.menu() is not None
    entry = button.findChild(QAction, name)
    assert entry is not None and entry.isEnabled()
    entry.trigger()
    status = dock.findChild(QLabel, "status")
    assert status is not None
    return status.text()


def clipboard() -> str:
    board = QGuiApplication.clipboard()
    assert board is not None
    return board.text()


def run(qtbot: QtBot, dock: DeblurDock) -> None:
    button = dock.findChild(QPushButton, "run")
    assert button is not None and button.isEnabled(), button.toolTip() if button else ""
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=60_000)


def save_as(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"method": "richardson-lucy", "iterations": 5, "theta": (0.05,) * 8, "noise": (1.0, 2.0), "tile": 128},
        {"family": "mine.safetensors", "method": "wiener"},
    ],
    ids=["blind", "known", "family"],
)
def test_widget_command_and_python_give_the_same_pixels(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, opened: Path, values: dict[str, Any]
) -> None:
    zernike = ZernikeFamily(OPTICS, psf_size=31)
    measured = np.stack([zernike.psf(theta) for theta in zernike.sample(3, 0)])
    save_family(EigenPsfFamily(measured, np.eye(3), OPTICS), "mine.safetensors")
    dock.setValue(DeblurSettings(microscope=OPTICS, device="cpu", **values))
    run(qtbot, dock)
    expected = viewer.layers[1].data
    viewer.layers.selection.active = viewer.layers[0]

    assert str(opened) in choose(dock, "command")
    words = shlex.split(clipboard())
    assert words[:3] == ["napari-deepblur", "deblur", str(opened)]
    assert main([*words[1:], "--quiet"]) == 0
    np.testing.assert_array_equal(read_image(words[words.index("-o") + 1]), expected)

    choose(dock, "python")
    names: dict[str, Any] = {}
    exec(compile(clipboard(), "copied", "exec"), names)
    np.testing.assert_array_equal(names["restored"], expected)


def test_a_layer_without_a_file_is_said_to_have_none(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, scale=(0.09, 0.09), units=("um", "um"))
    assert "has no file yet" in choose(dock, "command")
    assert " image.tif " in clipboard()


def test_settings_of_a_result_come_back(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, opened: Path) -> None:
    settings = DeblurSettings(
        microscope=OPTICS, method="total-variation", iterations=3, theta=(0.05,) * 8, psf_size=41, device="cpu"
    )
    dock.setValue(settings)
    run(qtbot, dock)
    record = viewer.layers[1].metadata[METADATA_KEY]
    assert record["input"] == {"layer": viewer.layers[0].name, "file": str(opened)}
    dock.setValue(DeblurSettings(microscope=OPTICS))
    assert dock.value().blur.theta is None
    viewer.layers.selection.active = viewer.layers[1]
    assert choose(dock, "load").startswith("Settings of")
    assert dock.value() == settings

    carried = dock.findChild(QLabel, "carried")
    assert carried is not None and "known coefficients" in carried.text() and "PSF of 41" in carried.text()
    clear = dock.findChild(QPushButton, "clear_carried")
    assert clear is not None and clear.isVisibleTo(dock)
    qtbot.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert dock.value() == settings.replace(theta=None, psf_size="auto")


def test_iterations_of_another_method_are_not_used(dock: DeblurDock, opened: Path) -> None:
    dock.setValue(DeblurSettings(microscope=OPTICS, method="richardson-lucy", iterations=3))
    assert dock.value().restore.iterations == 3
    dock.setValue(DeblurSettings(microscope=OPTICS, method="network"))
    assert dock.value().restore.model_dump() == {"method": "network"}


def test_a_layer_without_a_record_is_refused(viewer: Viewer, dock: DeblurDock, opened: Path) -> None:
    viewer.layers[0].metadata.pop(METADATA_KEY, None)
    before = dock.value()
    for name in ("load", "again"):
        assert "carries no record" in choose(dock, name)
    viewer.layers.selection.clear()
    assert "No layer is selected" in choose(dock, "load")
    assert dock.value() == before


def test_the_blur_of_a_result_is_used_for_another_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The noise is given: it is estimated with the optics, which a picture of a PSF does not have.
    dock.setValue(DeblurSettings(microscope=OPTICS, device="cpu", method="wiener", noise=(0.5, 3.0)))
    run(qtbot, dock)
    first = viewer.layers[1]
    save_as(monkeypatch, tmp_path / "blur")
    viewer.layers.selection.active = first
    assert "choose another layer" in choose(dock, "again")
    assert dock.value().blur.file == str(tmp_path / "blur.tif")
    run(qtbot, dock)
    again = viewer.layers[-1]
    record = again.metadata[METADATA_KEY]
    assert record["resolved"]["theta"] == [1.0] and record["resolved"]["family"]["kind"] == "eigen-psf"
    # The same blur of the same image, but for what the first run knew about its error.
    np.testing.assert_allclose(again.data, first.data, rtol=0.02, atol=0.02 * np.ptp(first.data))


def test_a_known_blur_is_used_again_by_its_coefficients(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, opened: Path
) -> None:
    theta = (0.05, 0.0, 0.02, 0.0, 0.0, 0.0, 0.01, -0.03)
    dock.setValue(DeblurSettings(microscope=OPTICS, device="cpu", method="wiener", theta=theta))
    run(qtbot, dock)
    dock.setValue(DeblurSettings(microscope=OPTICS, device="cpu"))
    viewer.layers.selection.active = viewer.layers[1]
    choose(dock, "again")
    assert dock.value().blur.theta == pytest.approx(theta)


def test_any_picture_of_a_psf_can_be_the_blur(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, x = np.mgrid[-7:8, -7:8]
    dock.setValue(DeblurSettings(microscope=OPTICS, device="cpu", method="richardson-lucy"))
    viewer.add_image(np.exp(-(y**2 + x**2) / 5.0), name="measured")
    save_as(monkeypatch, tmp_path / "measured.tif")
    assert "is the PSF now" in choose(dock, "psf")
    assert dock.value().blur.file == str(tmp_path / "measured.tif")
    viewer.layers.remove("measured")
    run(qtbot, dock)
    assert viewer.layers[-1].metadata[METADATA_KEY]["resolved"]["psf_size"] == 15
    viewer.add_image(-np.ones((9, 9)), name="no PSF")
    save_as(monkeypatch, tmp_path / "no.tif")
    assert "nowhere negative" in choose(dock, "psf")


def test_psfs_are_exported_with_their_pixel_size(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "press Deblur first" in choose(dock, "export")
    dock.setValue(DeblurSettings(microscope=OPTICS, device="cpu", method="wiener"))
    run(qtbot, dock)
    save_as(monkeypatch, tmp_path / "exported.tif")
    assert "Wrote 1 PSF to" in choose(dock, "export")
    psf = read_image(tmp_path / "exported.tif")
    assert psf.ndim == 2 and psf.sum() == pytest.approx(1, abs=1e-4)
    write_tiff(tmp_path / "again.tif", psf, pixel_size_um=0.09)


def test_a_dialog_that_is_closed_changes_nothing(
    viewer: Viewer, dock: DeblurDock, opened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dock.value()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    viewer.add_image(np.ones((9, 9)), name="measured")
    choose(dock, "psf")
    assert dock.value().blur == before.blur


def test_settings_of_a_stack_bring_its_plane_spacing(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    record = {"axes": "ZYX", "reuse": "each", "settings": DeblurSettings(microscope=OPTICS).model_dump(mode="json")}
    arguments: dict[str, Any] = {"scale": (0.3, 0.09, 0.09), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    stated = viewer.add_image(np.stack([cells, cells]), metadata={METADATA_KEY: record}, **arguments)
    form = dock.findChild(AxesForm)
    assert form is not None
    choose(dock, "load")
    assert form.value().plane_spacing_um == pytest.approx(0.3)
    stated.metadata[METADATA_KEY] = {**record, "stack": {"plane_spacing_um": -0.4, "sign_probability": 0.9}}
    choose(dock, "load")
    assert form.value().plane_spacing_um == pytest.approx(-0.4)
    stated.metadata[METADATA_KEY] = {**record, "stack": {"plane_spacing_um": "near"}}
    choose(dock, "load")
    assert form.value().plane_spacing_um == 0
