"""The Deblur dock in a real napari window, driven by its buttons."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from driving import MICROMETRES, PATIENCE_MS, child, choose, press, run_to_the_end, said_once, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QProgressBar, QPushButton, QWidget

from napari_deepblur.pipeline import DeblurSettings, deblur
from napari_deepblur.pipeline.series import Frame, StackDeblurring, Written, deblur_stack_steps, frames
from napari_deepblur.progress import Progress
from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice


def test_the_dock_computes_what_python_computes(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    settings = dock.value()
    run_to_the_end(qtbot, dock)
    expected = deblur(cells, settings.operator_family(cells.shape))
    np.testing.assert_array_equal(viewer.layers["cells deblurred"].data, expected.image)
    found = child(dock, CoefficientsPlot, "coefficients_plot").value()
    assert found is not None
    assert expected.identification is not None
    np.testing.assert_array_equal(found.theta, expected.identification.theta)


def test_a_classical_method_can_be_chosen(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    method = child(dock, QComboBox, "method")
    names = [method.itemText(row) for row in range(method.count())]
    assert names == ["unrolled network", "Richardson-Lucy", "Richardson-Lucy + TV", "total variation", "Wiener"]
    method.setCurrentIndex(names.index("Wiener"))
    assert dock.value().restore.method == "wiener"
    run_to_the_end(qtbot, dock)
    assert viewer.layers["cells deblurred"].metadata[METADATA_KEY]["settings"]["restore"]["method"] == "wiener"
    assert viewer.layers["cells deblurred"].data.shape == cells.shape


def test_while_it_runs_there_is_progress_and_nothing_can_be_changed(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    bar, na = child(dock, QProgressBar, "progress"), child(dock, QDoubleSpinBox, "na")
    assert not bar.isVisible()
    press(qtbot, dock)
    assert child(dock, QPushButton, "run").text() == "Cancel"
    assert not na.isEnabled()
    qtbot.waitUntil(lambda: bar.maximum() > 0, timeout=PATIENCE_MS)
    assert bar.isVisible()
    assert child(dock, Notice, "time_left").text() != ""
    hold.set()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert not bar.isVisible()
    assert na.isEnabled()
    assert len(viewer.layers) == 3


def test_cancel_stops_and_leaves_everything_as_it_was(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    image = viewer.add_image(cells, name="cells", **MICROMETRES)
    limits = list(image.contrast_limits)
    press(qtbot, dock)
    qtbot.waitUntil(lambda: child(dock, QProgressBar, "progress").maximum() > 0, timeout=PATIENCE_MS)
    press(qtbot, dock)
    # At once, though the thread is still in a step.
    assert not dock.isRunning()
    assert child(dock, QPushButton, "run").text() == "Deblur"
    assert status(dock).text() == "Cancelled. Nothing was added."
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert list(image.contrast_limits) == limits
    hold.set()
    run_to_the_end(qtbot, dock)
    assert len(viewer.layers) == 3


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda cells: np.full_like(cells, 7), "same value"),
        (lambda cells: np.where(cells > 500, np.nan, cells), "NaN"),
        (lambda cells: cells[:20, :24], "expected at least 31 a side"),
    ],
    ids=["constant", "nan", "small"],
)
def test_a_bad_image_is_explained_and_the_dock_goes_on(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    spoil: Callable[[NDArray[np.uint16]], NDArray[Any]],
    words: str,
) -> None:
    viewer.add_image(spoil(cells), name="bad", contrast_limits=(0, 1000), **MICROMETRES)
    run_to_the_end(qtbot, dock)
    assert status(dock).level() == "error"
    assert words in status(dock).text()
    assert "Traceback" not in status(dock).text()
    assert [layer.name for layer in viewer.layers] == ["bad"]
    good = viewer.add_image(cells, name="good", **MICROMETRES)
    combo = child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText(good.name))
    run_to_the_end(qtbot, dock)
    assert status(dock).level() == "note"
    assert said_once(dock, "Rests on assumed numbers")
    assert [layer.name for layer in viewer.layers] == ["bad", "good", "good deblurred", "good PSFs"]


def test_missing_weights_are_explained(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, **MICROMETRES)
    combo = child(dock, QComboBox, "size")
    combo.setCurrentIndex(combo.findData("paper"))
    run_to_the_end(qtbot, dock)
    assert "paper" in status(dock).text()
    assert status(dock).level() == "error"


def test_na_above_the_index_forbids_a_run_and_says_so(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, **MICROMETRES)
    index, button = child(dock, QDoubleSpinBox, "n_immersion"), child(dock, QPushButton, "run")
    assert button.isEnabled()
    index.setValue(1.0)
    assert not button.isEnabled()
    assert "immersion index 1.0" in button.toolTip()
    notice = child(dock, Notice, "microscope_consequence")
    assert notice.level() == "error"
    assert notice.isVisible()
    press(qtbot, dock)
    assert not dock.isRunning()
    index.setValue(1.515)
    assert button.isEnabled()


def test_two_viewers_deblur_at_once(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    make_napari_viewer_proxy: Callable[..., Viewer],
    cells: NDArray[np.uint16],
) -> None:
    other = make_napari_viewer_proxy(show=True, strict_qt="raise")
    _, second = other.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    for window, widget, part in ((viewer, dock, cells[:40, :48]), (other, second, cells[:48, :56])):
        window.add_image(part, name="cells", **MICROMETRES)
        choose(widget, "method", "wiener")
    press(qtbot, dock)
    press(qtbot, second)
    assert dock.isRunning()
    assert second.isRunning()
    qtbot.waitUntil(lambda: not dock.isRunning() and not second.isRunning(), timeout=PATIENCE_MS)
    assert viewer.layers["cells deblurred"].data.shape == (40, 48)
    assert other.layers["cells deblurred"].data.shape == (48, 56)


def test_memory_that_ran_out_is_said(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scarce(*arguments: Any) -> Generator[Progress | Written | Frame, None, StackDeblurring]:
        series = yield from deblur_stack_steps(*arguments)
        return replace(series, notes=("the image: Memory of cuda:0 ran out: the processor took over.",))

    monkeypatch.setattr(frames, "deblur_stack_steps", scarce)
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    choose(dock, "method", "wiener")
    run_to_the_end(qtbot, dock)
    assert status(dock).level() == "warning"
    assert "The image: Memory of cuda:0 ran out: the processor took over." in status(dock).text()


def test_colours_follow_the_theme(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    run_to_the_end(qtbot, dock)
    plot = dock.findChild(QWidget, "coefficients")
    consequence = child(dock, Notice, "microscope_consequence")
    assert plot is not None
    assert consequence.level() == "warning"
    for theme, dark in (("dark", True), ("light", False), ("dark", True)):
        viewer.theme = theme
        qtbot.wait(20)
        background = QColor(plot.grab().toImage().pixelColor(2, 2))
        assert (background.lightness() < 128) == dark
        text = consequence.palette().color(consequence.foregroundRole())
        assert abs(text.lightness() - background.lightness()) > 60


def test_settings_survive_the_forms(dock: DeblurDock) -> None:
    settings = DeblurSettings(
        microscope={"na": 0.8, "wavelength_um": 0.61, "pixel_size_um": 0.1625, "n_immersion": 1.0},
        modes=(4, 5, 6, 11),
        max_amplitude=0.2,
        noise=(0.4, 3.5),
        noise_offset=100,
        size="paper",
        device="cpu",
    )
    dock.setValue(settings)
    assert dock.value() == settings
    dock.setValue(settings.replace(noise="estimate", noise_offset=0.0))
    assert dock.value().noise.kind == "estimate"


def test_the_window_fits_a_small_screen(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="a layer with a name that is much longer than the dock is wide " * 3, **MICROMETRES)
    run_to_the_end(qtbot, dock)
    window = dock.window()
    window.resize(1366, 768)
    qtbot.wait(50)
    assert window.width() == 1366
    assert window.height() == 768
    assert dock.width() < 1366 / 3
    run = child(dock, QPushButton, "run")
    assert run.mapTo(window, run.rect().bottomRight()).y() < 768
