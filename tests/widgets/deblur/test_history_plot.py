"""Coefficients of a series in the dock, and as a table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from pyqtgraph import PlotWidget
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QDoubleSpinBox, QFileDialog, QLabel, QPushButton

from napari_deepblur.pipeline.series import History
from napari_deepblur.widgets.colours import theme_colours
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.history_plot import HistoryPlot


def history(frames: int) -> History:
    theta = np.stack([np.zeros(frames), np.linspace(0, 0.3, frames), np.full(frames, 0.1), np.zeros(frames)], axis=1)
    names = ("defocus", "coma y", "coma x", "spherical")
    return History(tuple(f"time {i}" for i in range(frames)), names, theta, np.full_like(theta, 0.02))


def test_the_coefficients_that_vary_most_are_drawn(qtbot: QtBot) -> None:
    plot = HistoryPlot()
    qtbot.addWidget(plot)
    assert plot.isHidden()
    plot.setValue(history(5))
    plot.setColours(theme_colours("light"))
    assert not plot.isHidden()
    legend = plot.findChild(QLabel, "history_legend")
    assert legend is not None and legend.text().startswith("coma y (blue)") and "time 0 to time 4" in legend.text()
    drawn = plot.findChild(object, "history")
    assert drawn is not None
    values = [curve.getData()[1] for curve in drawn.listDataItems() if curve.opts["symbol"] == "o"]
    np.testing.assert_allclose(values[0], np.linspace(0, 0.3, 5))


def test_channels_are_curves_of_their_own(qtbot: QtBot) -> None:
    plot = HistoryPlot()
    qtbot.addWidget(plot)
    theta = np.arange(12, dtype=float).reshape(6, 2)
    frames = tuple(f"time {t}, channel {c}" for t in (0, 1, 3) for c in range(2))
    plot.setValue(History(frames, ("defocus", "coma y"), theta, np.full_like(theta, 0.1)))
    drawn = plot.findChild(object, "history")
    legend = plot.findChild(QLabel, "history_legend")
    assert drawn is not None and legend is not None
    curves = [curve.getData() for curve in drawn.listDataItems() if curve.opts["symbol"] == "o"]
    assert len(curves) == 4
    for positions, _ in curves:
        np.testing.assert_array_equal(positions, [0, 1, 3])
    first = {tuple(values) for _, values in curves}
    assert first == {(0, 4, 8), (2, 6, 10), (1, 5, 9), (3, 7, 11)}
    assert "channel 0 solid, channel 1 dashed" in legend.text()


@pytest.mark.parametrize("value", [None, history(1)])
def test_less_than_two_frames_are_no_history(qtbot: QtBot, value: History | None) -> None:
    plot = HistoryPlot()
    qtbot.addWidget(plot)
    plot.setValue(history(3))
    plot.setValue(value)
    assert plot.isHidden() and plot.value() is None


def test_a_series_in_the_dock_has_a_curve_and_a_table(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer.add_image(
        np.stack([cells, cells[::-1], cells[:, ::-1]]),
        name="movie",
        scale=(1, 0.1, 0.1),
        units=("pixel", "um", "um"),
        axis_labels=("t", "y", "x"),
    )
    run = dock.findChild(QPushButton, "run")
    assert run is not None
    qtbot.mouseClick(run, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=120_000)
    plot = dock.findChild(HistoryPlot)
    assert plot is not None and plot.value() is not None
    assert plot.value().frames == ("time 0", "time 1", "time 2")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "movie.csv"), ""))
    viewer.layers.selection.active = viewer.layers["movie deblurred"]
    entry = dock.findChild(QAction, "table")
    assert entry is not None
    entry.trigger()
    rows = list(csv.DictReader((tmp_path / "movie.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 3 * 8
    assert float(rows[0]["value"]) == pytest.approx(float(plot.value().theta[0, 0]), abs=1e-5)


def test_a_stack_tells_the_sign_with_the_spacing_of_its_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(
        np.stack([cells, cells[::-1], cells[:, ::-1]]),
        name="stack",
        scale=(0.3, 0.1, 0.1),
        units=("um", "um", "um"),
        axis_labels=("z", "y", "x"),
    )
    spacing = dock.findChild(QDoubleSpinBox, "plane_spacing")
    assert spacing is not None and spacing.isVisibleTo(dock) and spacing.value() == pytest.approx(0.3)
    run = dock.findChild(QPushButton, "run")
    assert run is not None
    qtbot.mouseClick(run, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=120_000)
    record = viewer.layers["stack deblurred"].metadata["napari-deepblur"]
    assert record["stack"]["plane_spacing_um"] == pytest.approx(0.3)
    assert 0.5 <= record["stack"]["sign_probability"] <= 1
    legend = dock.findChild(QLabel, "history_legend")
    assert legend is not None and "Joint sign" in legend.text()


def test_the_axis_counts_whole_frames_from_zero(qtbot: QtBot) -> None:
    plot = HistoryPlot()
    qtbot.addWidget(plot)
    names = tuple(f"time {number}" for number in range(8))
    plot.setValue(History(names, ("defocus",), np.linspace(0, 0.1, 8)[:, None], np.full((8, 1), 0.01)))
    (curves,) = plot.findChildren(PlotWidget)
    ticks = [number for number, _ in curves.getAxis("bottom")._tickLevels[0]]
    assert ticks[0] == 0 and ticks[-1] == 7 and all(number == int(number) for number in ticks)
