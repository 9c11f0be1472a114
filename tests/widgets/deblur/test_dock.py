"""The Deblur dock in a real napari window, driven by its buttons."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QCheckBox, QComboBox, QDockWidget, QDoubleSpinBox, QProgressBar, QPushButton, QWidget

from napari_deepblur.pipeline import DeblurSettings, Progress, deblur
from napari_deepblur.pipeline.series import Frame, Series, deblur_frames_steps
from napari_deepblur.widgets.deblur import dock as deblur_dock
from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice

PATIENCE_MS = 180_000
"""Far beyond what a run takes, for machines that are busy with something else."""

MICROMETRES = {"scale": (0.1, 0.1), "units": ("um", "um")}


def _child(dock: DeblurDock, kind: type[Any], name: str) -> Any:
    found = dock.findChild(kind, name)
    assert found is not None
    return found


def _press_run(qtbot: QtBot, dock: DeblurDock) -> None:
    qtbot.mouseClick(_child(dock, QPushButton, "run"), Qt.MouseButton.LeftButton)


def _status(dock: DeblurDock) -> Notice:
    notice: Notice = _child(dock, Notice, "status")
    return notice


def _run_to_the_end(qtbot: QtBot, dock: DeblurDock) -> None:
    _press_run(qtbot, dock)
    assert dock.isRunning()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Generator[threading.Event]:
    """Make every run wait after its first step, until this is set."""
    go_on = threading.Event()

    def held(*arguments: Any) -> Generator[Progress | Frame, None, Series]:
        steps = deblur_frames_steps(*arguments)
        first = next(steps)
        # Steps go on, so that a cancel is heard, but the work does not.
        while not go_on.is_set():
            yield first
            go_on.wait(0.01)
        return (yield from steps)

    monkeypatch.setattr(deblur_dock, "deblur_frames_steps", held)
    yield go_on
    go_on.set()


def test_a_click_makes_two_layers_in_the_place_of_the_input(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells, name="cells", **MICROMETRES, translate=(3, -2), axis_labels=("y", "x"))
    before = cells.copy()
    _run_to_the_end(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells deblurred", "cells PSFs"]
    assert viewer.layers.selection.active == viewer.layers["cells deblurred"]
    for name in ("cells deblurred", "cells PSFs"):
        layer = viewer.layers[name]
        assert layer.data.shape == cells.shape
        assert layer.data.dtype == np.float32
        assert layer.units == image.units
        assert layer.axis_labels == ("y", "x")
        np.testing.assert_allclose(layer.scale, (0.1, 0.1))
        np.testing.assert_allclose(layer.translate, (3, -2))
        np.testing.assert_allclose(layer.extent.world, image.extent.world)
        record = layer.metadata[METADATA_KEY]
        assert json.loads(json.dumps(record)) == record
        assert record["settings"]["microscope"]["pixel_size_um"] == 0.1
    psfs = viewer.layers["cells PSFs"].data
    assert psfs.max() == 1
    np.testing.assert_array_equal(cells, before)
    assert _status(dock).text().startswith("Done in")
    assert f" on {record['resolved']['device']}: added" in _status(dock).text()
    assert "'cells PSFs'" in _status(dock).text()
    plot = _child(dock, CoefficientsPlot, "coefficients_plot")
    assert plot.isVisible()
    assert plot.rows()[:2] == ["± defocus", "± astigmatism oblique"]
    assert plot.rows()[3] == "coma y"
    assert _child(dock, QPushButton, "run").text() == "Deblur"


def test_the_dock_computes_what_python_computes(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    settings = dock.value()
    _run_to_the_end(qtbot, dock)
    expected = deblur(cells, settings.operator_family(cells.shape))
    np.testing.assert_array_equal(viewer.layers["cells deblurred"].data, expected.image)
    found = _child(dock, CoefficientsPlot, "coefficients_plot").value()
    assert found is not None
    assert expected.identification is not None
    np.testing.assert_array_equal(found.theta, expected.identification.theta)


def test_a_classical_method_can_be_chosen(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    method = _child(dock, QComboBox, "method")
    names = [method.itemText(row) for row in range(method.count())]
    assert names == ["unrolled network", "Richardson-Lucy", "total variation", "Wiener"]
    method.setCurrentIndex(names.index("Wiener"))
    assert dock.value().method == "wiener"
    _run_to_the_end(qtbot, dock)
    assert viewer.layers["cells deblurred"].metadata[METADATA_KEY]["settings"]["method"] == "wiener"
    assert viewer.layers["cells deblurred"].data.shape == cells.shape


def test_while_it_runs_there_is_progress_and_nothing_can_be_changed(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    bar, na = _child(dock, QProgressBar, "progress"), _child(dock, QDoubleSpinBox, "na")
    assert not bar.isVisible()
    _press_run(qtbot, dock)
    assert _child(dock, QPushButton, "run").text() == "Cancel"
    assert not na.isEnabled()
    qtbot.waitUntil(lambda: bar.maximum() > 0, timeout=PATIENCE_MS)
    assert bar.isVisible()
    assert _child(dock, Notice, "time_left").text() != ""
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
    _press_run(qtbot, dock)
    qtbot.waitUntil(lambda: _child(dock, QProgressBar, "progress").maximum() > 0, timeout=PATIENCE_MS)
    _press_run(qtbot, dock)
    # At once, though the thread is still in a step.
    assert not dock.isRunning()
    assert _child(dock, QPushButton, "run").text() == "Deblur"
    assert _status(dock).text() == "Cancelled. Nothing was added."
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert list(image.contrast_limits) == limits
    hold.set()
    _run_to_the_end(qtbot, dock)
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
    _run_to_the_end(qtbot, dock)
    assert _status(dock).level() == "error"
    assert words in _status(dock).text()
    assert "Traceback" not in _status(dock).text()
    assert [layer.name for layer in viewer.layers] == ["bad"]
    good = viewer.add_image(cells, name="good", **MICROMETRES)
    combo = _child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText(good.name))
    _run_to_the_end(qtbot, dock)
    assert _status(dock).level() == "note"
    assert [layer.name for layer in viewer.layers] == ["bad", "good", "good deblurred", "good PSFs"]


def test_missing_weights_are_explained(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, **MICROMETRES)
    combo = _child(dock, QComboBox, "size")
    combo.setCurrentIndex(combo.findData("paper"))
    _run_to_the_end(qtbot, dock)
    assert "paper" in _status(dock).text()
    assert _status(dock).level() == "error"


def test_the_pixel_size_follows_the_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    box, origin = _child(dock, QDoubleSpinBox, "pixel_size_um"), _child(dock, Notice, "pixel_size_origin")
    first = viewer.add_image(cells, name="first", scale=(65, 65), units=("nm", "nm"))
    assert box.value() == pytest.approx(0.065)
    assert "'first'" in origin.text()
    first.scale = (80, 80)
    assert box.value() == pytest.approx(0.08)
    first.units = ("um", "um")
    assert box.value() == pytest.approx(80)
    first.scale = (0.07, 0.07)
    viewer.add_image(cells, name="second")
    combo = _child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText("second"))
    assert box.value() == pytest.approx(0.07)
    assert "no length units" in origin.text()
    first.scale = (0.09, 0.09)
    assert box.value() == pytest.approx(0.07)
    combo.setCurrentIndex(combo.findText("first"))
    assert box.value() == pytest.approx(0.09)
    assert dock.value().microscope.pixel_size_um == pytest.approx(0.09)


def test_a_pixel_size_that_was_typed_stays_while_the_layer_does(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    box = _child(dock, QDoubleSpinBox, "pixel_size_um")
    first = viewer.add_image(cells, name="first", scale=(0.08, 0.08), units=("um", "um"))
    box.setValue(0.09)
    viewer.add_image(cells, name="second", scale=(0.05, 0.05), units=("um", "um"))
    first.name = "renamed"
    assert box.value() == pytest.approx(0.09)
    combo = _child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText("second"))
    assert box.value() == pytest.approx(0.05)
    # The first layer is no longer listened to.
    box.setValue(0.06)
    first.scale = (0.07, 0.07)
    assert box.value() == pytest.approx(0.06)


def test_na_above_the_index_forbids_a_run_and_says_so(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, **MICROMETRES)
    index, button = _child(dock, QDoubleSpinBox, "n_immersion"), _child(dock, QPushButton, "run")
    assert button.isEnabled()
    index.setValue(1.0)
    assert not button.isEnabled()
    assert "immersion index 1.0" in button.toolTip()
    notice = _child(dock, Notice, "microscope_consequence")
    assert notice.level() == "error"
    assert notice.isVisible()
    _press_run(qtbot, dock)
    assert not dock.isRunning()
    index.setValue(1.515)
    assert button.isEnabled()


def test_the_list_of_layers_follows_the_viewer(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    combo, button = _child(dock, QComboBox, "layer"), _child(dock, QPushButton, "run")

    def listed() -> list[str]:
        return [combo.itemText(row) for row in range(combo.count())]

    assert listed() == []
    assert not button.isEnabled()
    assert "Open an image" in button.toolTip()
    first = viewer.add_image(cells, name="first")
    assert (listed(), combo.currentText()) == (["first"], "first")
    viewer.add_points(np.zeros((1, 2)))
    viewer.add_image(cells, name="second")
    # What the user chose stays chosen.
    assert (listed(), combo.currentText()) == (["first", "second"], "first")
    first.name = "renamed"
    assert (listed(), combo.currentText()) == (["renamed", "second"], "renamed")
    viewer.layers.move(0, 3)
    assert (listed(), combo.currentText()) == (["second", "renamed"], "renamed")
    viewer.layers.remove(first)
    assert (listed(), combo.currentText()) == (["second"], "second")
    viewer.layers.clear()
    assert listed() == []
    assert not button.isEnabled()


def test_unsuitable_layers_are_refused_with_a_reason(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    combo, button = _child(dock, QComboBox, "layer"), _child(dock, QPushButton, "run")
    reason = _child(dock, Notice, "layer_reason")
    viewer.add_labels((cells > 500).astype(int), name="mask")
    assert combo.currentText() == "mask"
    assert "labels" in reason.text()
    assert not button.isEnabled()
    viewer.add_image(cells, scale=(0.1, 0.2), units=("um", "um"), name="oblong")
    for name, word in (("oblong", "not square"), ("mask", "labels")):
        combo.setCurrentIndex(combo.findText(name))
        assert word in reason.text()
        assert reason.isVisible()
        assert not button.isEnabled()
    # A suitable one takes the place of one that is not.
    viewer.add_image(cells, name="plane")
    assert combo.currentText() == "plane"
    assert not reason.isVisible()
    assert button.isEnabled()


def test_a_series_appears_frame_by_frame_in_one_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    series = np.stack([cells[:48, :48], np.zeros_like(cells[:48, :48]), cells[40:88, 60:108]])
    image = viewer.add_image(
        series, name="movie", scale=(2, 0.1, 0.1), units=("s", "um", "um"), axis_labels=("time", "y", "x")
    )
    _child(dock, QComboBox, "method").setCurrentIndex(_child(dock, QComboBox, "method").findData("wiener"))
    reuse = _child(dock, QComboBox, "reuse")
    assert reuse.isVisible()
    assert _child(dock, QComboBox, "axis_0").currentData() == "T"
    assert not _child(dock, QComboBox, "axis_3").isVisible()
    assert not _child(dock, QComboBox, "colours").isVisible()
    reuse.setCurrentIndex(reuse.findData("first"))
    counts: list[int] = []
    stages: list[str] = []
    stage = _child(dock, Notice, "time_left")

    def inserted() -> None:
        counts.append(int(viewer.layers[-1].data.any(axis=(1, 2)).sum()))
        stages.append(stage.text())

    viewer.layers.events.inserted.connect(inserted)
    _run_to_the_end(qtbot, dock)
    # The layer is there, with the first frame in it, before the others have begun.
    assert "frame 1 of 3" in stages[0]
    assert counts == [1, 2]
    result = viewer.layers["movie deblurred"]
    assert result.data.shape == series.shape
    np.testing.assert_array_equal(result.data[1], 0)
    np.testing.assert_allclose(result.scale, image.scale)
    assert result.units == image.units
    assert result.axis_labels == image.axis_labels
    record = result.metadata[METADATA_KEY]
    assert (record["axes"], record["reuse"]) == ("TYX", "first")
    assert record["frames"][2]["theta"] == record["frames"][0]["theta"]
    assert "Time 1: all pixels are 0, passed through" in _status(dock).text()
    assert viewer.layers["movie PSFs"].data.any(axis=(1, 2)).tolist() == [True, False, True]


def test_a_cancelled_series_leaves_no_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(np.stack([cells[:48, :48]] * 30), name="movie")
    _child(dock, QComboBox, "method").setCurrentIndex(_child(dock, QComboBox, "method").findData("wiener"))
    _press_run(qtbot, dock)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    _press_run(qtbot, dock)
    assert not dock.isRunning()
    assert [layer.name for layer in viewer.layers] == ["movie"]
    assert QThreadPool.globalInstance().waitForDone(PATIENCE_MS)
    qtbot.wait(50)
    assert [layer.name for layer in viewer.layers] == ["movie"]


def test_axes_can_be_named_otherwise(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(np.stack([cells, cells], axis=-1), name="channels last", scale=(0.1, 0.1, 1), units=("um",) * 3)
    button, last = _child(dock, QPushButton, "run"), _child(dock, QComboBox, "axis_2")
    assert last.currentData() == "X"
    # As rows and columns the last two axes would have pixels that are not square.
    assert not button.isEnabled()
    assert "not square" in button.toolTip()
    last.setCurrentIndex(last.findData("C"))
    first, second = (_child(dock, QComboBox, f"axis_{position}") for position in (0, 1))
    first.setCurrentIndex(first.findData("Y"))
    assert (first.currentData(), second.currentData(), last.currentData()) == ("Y", "X", "C")
    assert button.isEnabled()
    assert _child(dock, QDoubleSpinBox, "pixel_size_um").value() == pytest.approx(0.1)
    viewer.layers.clear()
    assert not last.isVisible()


@pytest.mark.parametrize("colours", ["each", "luminance"])
def test_colours(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], colours: str) -> None:
    part = (cells[:48, :48] // 5).astype(np.uint8)
    viewer.add_image(np.stack([part, part // 2, 255 - part], axis=-1), rgb=True, name="stain", **MICROMETRES)
    _child(dock, QComboBox, "method").setCurrentIndex(_child(dock, QComboBox, "method").findData("wiener"))
    box = _child(dock, QComboBox, "colours")
    assert box.isVisible()
    assert not _child(dock, QComboBox, "reuse").isVisible()
    box.setCurrentIndex(box.findData(colours))
    _run_to_the_end(qtbot, dock)
    result = viewer.layers["stain deblurred"]
    if colours == "each":
        assert result.rgb
        assert (result.data.shape, result.data.dtype) == ((48, 48, 3), np.uint8)
    else:
        assert not result.rgb
        assert (result.data.shape, result.data.dtype) == ((48, 48), np.float32)


def test_the_preview_follows_the_settings_and_leaves_nothing(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(
        np.stack([cells, cells[::-1]]), name="cells", scale=(5, 0.1, 0.1), units=("um",) * 3, translate=(0, 3, -2)
    )
    viewer.dims.set_current_step(0, 1)
    corner, opposite = (image.data_to_world((1, *point))[1:] for point in ((20, 30), (68, 94)))
    viewer.add_shapes([[corner, opposite]], shape_type="rectangle", name="part").selected_data = {0}
    method = _child(dock, QComboBox, "method")
    method.setCurrentIndex(method.findData("wiener"))
    wanted = _child(dock, QCheckBox, "preview")
    wanted.setChecked(True)
    qtbot.waitUntil(lambda: "cells preview" in viewer.layers, timeout=PATIENCE_MS)
    shown = viewer.layers["cells preview"]
    assert shown.data.shape == (1, 48, 64)
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), image.data_to_world((1, 20, 30)))
    np.testing.assert_allclose(shown.scale, image.scale)
    assert "48 x 64 pixels from row 20, column 30" in _child(dock, Notice, "preview_notice").text()
    record = shown.metadata[METADATA_KEY]
    assert record["settings"]["origin"] == [0, 0]
    assert record["settings"] == {**dock.value().model_dump(mode="json"), "origin": record["settings"]["origin"]}
    # A preview is nothing that could be deblurred in its turn.
    combo = _child(dock, QComboBox, "layer")
    assert [combo.itemText(row) for row in range(combo.count())] == ["cells"]
    before = shown.data.copy()
    method.setCurrentIndex(method.findData("richardson-lucy"))
    qtbot.waitUntil(lambda: not np.array_equal(shown.data, before), timeout=PATIENCE_MS)
    assert shown in viewer.layers
    # Another method does not change what was identified.
    assert shown.metadata[METADATA_KEY]["resolved"]["theta"] == record["resolved"]["theta"]
    wanted.setChecked(False)
    assert "cells preview" not in viewer.layers
    assert len(viewer.layers) == 2


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
        _child(widget, QComboBox, "method").setCurrentIndex(_child(widget, QComboBox, "method").findData("wiener"))
    _press_run(qtbot, dock)
    _press_run(qtbot, second)
    assert dock.isRunning()
    assert second.isRunning()
    qtbot.waitUntil(lambda: not dock.isRunning() and not second.isRunning(), timeout=PATIENCE_MS)
    assert viewer.layers["cells deblurred"].data.shape == (40, 48)
    assert other.layers["cells deblurred"].data.shape == (48, 56)


def test_memory_that_ran_out_is_said(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scarce(*arguments: Any) -> Generator[Progress | Frame, None, Series]:
        series = yield from deblur_frames_steps(*arguments)
        return replace(series, notes=("the image: Memory of cuda:0 ran out: the processor took over.",))

    monkeypatch.setattr(deblur_dock, "deblur_frames_steps", scarce)
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    _child(dock, QComboBox, "method").setCurrentIndex(_child(dock, QComboBox, "method").findData("wiener"))
    _run_to_the_end(qtbot, dock)
    assert _status(dock).level() == "warning"
    assert _status(dock).text().endswith("The image: Memory of cuda:0 ran out: the processor took over.")


def test_of_a_pyramid_the_full_resolution_is_deblurred(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image([cells, cells[::2, ::2]], multiscale=True, name="zoom", **MICROMETRES)
    _child(dock, QComboBox, "method").setCurrentIndex(_child(dock, QComboBox, "method").findData("wiener"))
    _run_to_the_end(qtbot, dock)
    assert viewer.layers["zoom deblurred"].data.shape == cells.shape


def test_a_layer_removed_during_a_run_still_gets_its_result(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES, translate=(1, 2))
    _press_run(qtbot, dock)
    viewer.layers.remove("cells")
    assert dock.isRunning()
    hold.set()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert [layer.name for layer in viewer.layers] == ["cells deblurred", "cells PSFs"]
    np.testing.assert_allclose(viewer.layers[0].translate, (1, 2))
    assert "removed" in _status(dock).text()


def test_the_dock_can_be_closed_during_a_run(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    _press_run(qtbot, dock)
    qtbot.waitUntil(lambda: _child(dock, QProgressBar, "progress").maximum() > 0, timeout=PATIENCE_MS)
    frame: QWidget | None = dock.parentWidget()
    assert isinstance(frame, QDockWidget)
    button = frame.findChild(QPushButton, "QTitleBarCloseButton")
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    # Nobody set `hold`: only a cancel ends the run.
    assert QThreadPool.globalInstance().waitForDone(PATIENCE_MS)
    qtbot.wait(50)
    assert not dock.isRunning()
    assert [layer.name for layer in viewer.layers] == ["cells"]
    # What napari tells its widgets no longer reaches this one.
    viewer.add_image(cells)
    viewer.theme = "light"
    dock.deleteLater()
    qtbot.wait(50)


def test_nothing_holds_a_closed_dock(qtbot: QtBot, viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(cells, **MICROMETRES)
    frame, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    alive = weakref.ref(dock)
    del dock
    viewer.window.remove_dock_widget(frame)
    del frame
    qtbot.wait(50)
    gc.collect()
    assert alive() is None
    viewer.add_image(cells)
    viewer.theme = "light"


def test_a_hidden_dock_goes_on(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    _press_run(qtbot, dock)
    frame = dock.parentWidget()
    assert frame is not None
    frame.close()
    assert not dock.isVisible()
    hold.set()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert len(viewer.layers) == 3


def test_the_viewer_can_be_closed_during_a_run(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    _press_run(qtbot, dock)
    qtbot.waitUntil(lambda: _child(dock, QProgressBar, "progress").maximum() > 0, timeout=PATIENCE_MS)
    viewer.close()
    assert QThreadPool.globalInstance().waitForDone(PATIENCE_MS)
    qtbot.wait(50)


def test_colours_follow_the_theme(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    _run_to_the_end(qtbot, dock)
    plot = dock.findChild(QWidget, "coefficients")
    consequence = _child(dock, Notice, "microscope_consequence")
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
    dock.setValue(settings.model_copy(update={"noise": "estimate", "noise_offset": 0.0}))
    assert dock.value().noise == "estimate"


def test_the_window_fits_a_small_screen(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="a layer with a name that is much longer than the dock is wide " * 3, **MICROMETRES)
    _run_to_the_end(qtbot, dock)
    window = dock.window()
    window.resize(1366, 768)
    qtbot.wait(50)
    assert window.width() == 1366
    assert window.height() == 768
    assert dock.width() < 1366 / 3
    run = _child(dock, QPushButton, "run")
    assert run.mapTo(window, run.rect().bottomRight()).y() < 768
