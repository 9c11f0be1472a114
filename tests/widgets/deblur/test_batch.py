"""Many images from the dock, by its buttons."""

from __future__ import annotations

import csv
import json
import multiprocessing
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from driving import MICROMETRES, PATIENCE_MS, child, choose, know_the_blur, press, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QSpinBox, QTableWidget

from napari_deepblur.io.images import read_image, write_tiff
from napari_deepblur.io.records import record_in
from napari_deepblur.pipeline import series
from napari_deepblur.pipeline.series import deblur_stack_steps
from napari_deepblur.widgets.deblur.batch_dialog import BatchDialog
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY


@pytest.fixture
def open_files(dock: DeblurDock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BatchDialog]:
    """Choose Batch > Files… and these files."""

    def choose(*files: Path) -> BatchDialog:
        monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(file) for file in files], ""))
        child(dock, QAction, "files").trigger()
        return child(dock, BatchDialog)

    return choose


def _states(dialog: BatchDialog) -> list[tuple[str, str]]:
    table: QTableWidget = child(dialog, QTableWidget, "batch_table")
    return [(table.item(row, 0).text(), table.item(row, 1).text()) for row in range(table.rowCount())]


def _run(qtbot: QtBot, dialog: BatchDialog) -> None:
    press(qtbot, dialog)
    qtbot.waitUntil(lambda: not dialog.isRunning(), timeout=PATIENCE_MS)


def test_files_become_files_with_a_report_and_one_bad_file_is_named(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    open_files: Callable[..., BatchDialog],
    tmp_path: Path,
) -> None:
    # Before there is a layer: what is set for a layer counts as typed, and for all files.
    know_the_blur(dock)
    viewer.add_image(cells, name="open", **MICROMETRES)
    files = [tmp_path / name for name in ("a.tif", "bad.tif", "c.tif")]
    write_tiff(files[0], cells, pixel_size_um=0.09)
    files[1].write_bytes(b"II*")
    write_tiff(files[2], cells[::-1], pixel_size_um=0.11)
    dialog = open_files(*files)
    assert dialog.isVisible()
    assert _states(dialog) == [("a.tif", "waiting"), ("bad.tif", "waiting"), ("c.tif", "waiting")]
    assert child(dialog, QLineEdit, "batch_folder").text() == str(tmp_path / "deblurred")
    _run(qtbot, dialog)
    (_, first), (_, bad), (_, last) = _states(dialog)
    assert "done in" in first and "verdict" in first and "done in" in last
    assert bad.startswith("✖ failed: ") and "bad.tif cannot be read as an image" in bad
    assert "2 done, 1 failed" in status(dialog).text()
    folder = tmp_path / "deblurred"
    rows = list(csv.DictReader((folder / "report.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    assert rows[1]["error"] in bad
    # Each with the pixel size of its own file.
    records = [record_in(folder / f"{name}_deblurred.ome.tif") for name in "ac"]
    sizes = [record["settings"]["microscope"]["pixel_size_um"] for record in records if record is not None]
    assert sizes == pytest.approx([0.09, 0.11])
    assert read_image(folder / "a_deblurred.ome.tif").shape == cells.shape
    assert [layer.name for layer in viewer.layers] == ["open"]

    # The same once more: what is there is skipped, unless it is asked for again.
    child(dialog, QComboBox, "batch_report").setCurrentText("JSON")
    _run(qtbot, dialog)
    assert [words.split(":")[0] for _, words in _states(dialog)] == ["skipped", "✖ failed", "skipped"]
    kinds = [row["status"] for row in json.loads((folder / "report.json").read_text(encoding="utf-8"))]
    assert kinds == ["skipped, up to date", "failed", "skipped, up to date"]
    child(dialog, QCheckBox, "batch_again").setChecked(True)
    _run(qtbot, dialog)
    assert "2 done, 1 failed" in status(dialog).text()


def test_cancel_keeps_what_is_done_and_puts_it_on_record(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    open_files: Callable[..., BatchDialog],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer.add_image(cells, **MICROMETRES)
    know_the_blur(dock)
    files = [tmp_path / f"{name}.tif" for name in "abc"]
    for file in files:
        write_tiff(file, cells)
    begun: list[int] = []
    go_on = threading.Event()

    def held(*arguments: Any, **more: Any) -> Generator[Any, None, Any]:
        steps = deblur_stack_steps(*arguments, **more)
        begun.append(1)
        while len(begun) == 2 and not go_on.is_set():
            yield next(steps)
            go_on.wait()
        return (yield from steps)

    monkeypatch.setattr(series, "deblur_stack_steps", held)
    dialog = open_files(*files)
    press(qtbot, dialog)
    qtbot.waitUntil(lambda: len(begun) == 2 and "running" in _states(dialog)[1][1], timeout=PATIENCE_MS)
    press(qtbot, dialog)
    assert not dialog.isRunning()
    assert [words for _, words in _states(dialog)][1:] == ["cancelled", "cancelled"]
    assert "what is done stays: 1 done" in status(dialog).text()
    go_on.set()
    folder = tmp_path / "deblurred"
    qtbot.waitUntil((folder / "report.csv").exists, timeout=PATIENCE_MS)
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "a_deblurred.ome.tif",
        "report.csv",
    ]


def test_several_processes_make_what_one_makes_and_end_with_cancel(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    open_files: Callable[..., BatchDialog],
    tmp_path: Path,
) -> None:
    viewer.add_image(cells, **MICROMETRES)
    know_the_blur(dock)
    files = [tmp_path / name for name in ("a.tif", "bad.tif", "c.tif")]
    write_tiff(files[0], cells)
    files[1].write_bytes(b"II*")
    write_tiff(files[2], cells[::-1])
    dialog = open_files(*files)
    processes = child(dialog, QSpinBox, "batch_processes")
    assert processes.value() == 1
    folder = child(dialog, QLineEdit, "batch_folder")
    made = []
    # Files need no image that is open.
    viewer.layers.clear()
    for count in (1, 2):
        folder.setText(str(tmp_path / str(count)))
        processes.setMaximum(2)
        processes.setValue(count)
        _run(qtbot, dialog)
        (_, first), (_, bad), (_, last) = _states(dialog)
        assert "done in" in first and "verdict" in first and "done in" in last
        assert "bad.tif cannot be read as an image" in bad
        assert "2 done, 1 failed" in status(dialog).text()
        rows = list(csv.DictReader((tmp_path / str(count) / "report.csv").read_text(encoding="utf-8").splitlines()))
        assert sorted(row["status"] for row in rows) == ["done", "done", "failed"]
        made.append([read_image(tmp_path / str(count) / f"{name}_deblurred.ome.tif") for name in "ac"])
    np.testing.assert_allclose(*made, rtol=1e-5)
    folder.setText(str(tmp_path / "given up"))
    press(qtbot, dialog)
    qtbot.waitUntil(lambda: "running" in _states(dialog)[1][1], timeout=PATIENCE_MS)
    press(qtbot, dialog)
    assert "what is done stays" in status(dialog).text()
    qtbot.waitUntil(lambda: multiprocessing.active_children() == [], timeout=PATIENCE_MS)


def test_layers_become_layers_with_their_own_optics(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    know_the_blur(dock)
    viewer.add_image(cells, name="one", **MICROMETRES)
    viewer.add_image(np.full_like(cells, 7), name="dark", contrast_limits=(0, 9), **MICROMETRES)
    viewer.add_image(cells[::-1], name="two", scale=(0.12, 0.12), units=("um", "um"))
    viewer.add_labels((cells > 500).astype(int), name="labels")
    child(dock, QAction, "layers").trigger()
    dialog = child(dock, BatchDialog)
    assert [name for name, _ in _states(dialog)] == ["one", "dark", "two"]
    _run(qtbot, dialog)
    one, dark, two = (words for _, words in _states(dialog))
    assert "done in" in one and "same value" in dark and "done in" in two
    assert "dark deblurred" not in viewer.layers
    sizes = [
        viewer.layers[f"{name} deblurred"].metadata[METADATA_KEY]["settings"]["microscope"]["pixel_size_um"]
        for name in ("one", "two")
    ]
    assert sizes == pytest.approx([0.1, 0.12])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "layers"), ""))
    press(qtbot, dialog, "batch_save")
    rows = list(csv.DictReader((tmp_path / "layers.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["image"], row["status"]) for row in rows] == [("one", "done"), ("dark", "failed"), ("two", "done")]
    assert rows[0]["result"] == "one deblurred"
    # Results are not images to begin with.
    child(dock, QAction, "layers").trigger()
    assert [name for name, _ in _states(dialog)] == ["one", "dark", "two"]


def test_volumes_have_their_verdicts_too(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    open_files: Callable[..., BatchDialog],
    tmp_path: Path,
) -> None:
    stack = np.stack([cells[i : i + 40, 2 * i : 2 * i + 44] for i in range(4)])
    known = {"theta": (0.05,) * 8, "method": "richardson-lucy", "iterations": 2, "device": "cpu"}
    dock.setValue(dock.value().replace(**known))
    viewer.add_image(stack, name="stack", scale=(0.3, 0.1, 0.1), units=("um",) * 3, axis_labels=("z", "y", "x"))
    choose(dock, "planes", "volume")
    child(dock, QAction, "layers").trigger()
    dialog = child(dock, BatchDialog)
    _run(qtbot, dialog)
    record = viewer.layers["stack deblurred"].metadata[METADATA_KEY]
    light = record["resolved"]["residual"]["light"]
    assert f"verdict {light}" in _states(dialog)[0][1]

    tifffile.imwrite(
        tmp_path / "stack.ome.tif",
        stack,
        metadata={"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.3},
    )
    dialog = open_files(tmp_path / "stack.ome.tif")
    _run(qtbot, dialog)
    assert f"verdict {light}" in _states(dialog)[0][1]
    (row,) = csv.DictReader((tmp_path / "deblurred" / "report.csv").read_text(encoding="utf-8").splitlines())
    assert (row["frames"], row["verdict light"]) == ("1", light)


def test_a_folder_that_cannot_be_is_said_before_anything_is_done(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    open_files: Callable[..., BatchDialog],
    tmp_path: Path,
) -> None:
    viewer.add_image(cells, **MICROMETRES)
    know_the_blur(dock)
    write_tiff(tmp_path / "a.tif", cells)
    dialog = open_files(tmp_path / "a.tif")
    child(dialog, QLineEdit, "batch_folder").setText(str(tmp_path / "a.tif"))
    press(qtbot, dialog)
    assert not dialog.isRunning()
    assert status(dialog).level() == "error"
