"""Live mode, by its buttons: layers that change, sources that fail, and the demo camera of Micro-Manager."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from driving import MICROMETRES, PATIENCE_MS, child, know_the_blur, press
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QPushButton

from napari_deepblur.pipeline import deblur, deblur_steps
from napari_deepblur.progress import finished
from napari_deepblur.widgets.deblur import live_dialog
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.history_plot import HistoryPlot
from napari_deepblur.widgets.deblur.live_dialog import LiveDialog
from napari_deepblur.widgets.layers import is_listed
from napari_deepblur.widgets.notice import Notice


@pytest.fixture
def live(qtbot: QtBot, dock: DeblurDock) -> Iterator[LiveDialog]:
    """Press the button of live mode, and stop it before the threads are waited for."""
    press(qtbot, dock, "live")
    dialog: LiveDialog = child(dock, LiveDialog)
    assert dialog.isVisible()
    yield dialog
    dialog.stop()
    if dock.parent() is None:
        # Taken out of the window, it belongs to nobody.
        dock.deleteLater()
        qtbot.wait(50)


def _says(dialog: LiveDialog, name: str = "live_status") -> str:
    return str(child(dialog, Notice, name).text())


def _until(qtbot: QtBot, dialog: LiveDialog, words: str, name: str = "live_status") -> None:
    qtbot.waitUntil(lambda: words in _says(dialog, name), timeout=PATIENCE_MS)


def test_a_frame_that_takes_long_shows_that_it_is_worked_on(
    qtbot: QtBot,
    viewer: Viewer,
    live: LiveDialog,
    cells: NDArray[np.uint16],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def endless(*_: Any) -> Iterator[str]:
        yield "wait"
        while True:
            time.sleep(0.01)
            yield "identify"

    monkeypatch.setattr(live_dialog, "_steps", endless)
    viewer.add_image(cells, name="camera", **MICROMETRES)
    press(qtbot, live, "live_run")
    _until(qtbot, live, "Working on the newest frame, 2 s so far", "live_work")
    press(qtbot, live, "live_run")
    assert _says(live, "live_work") == ""


def test_the_newest_frame_is_restored_into_one_layer_and_its_coefficients_are_drawn(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, live: LiveDialog, cells: NDArray[np.uint16]
) -> None:
    layer = viewer.add_image(cells, name="camera", **MICROMETRES)
    press(qtbot, live, "live_run")
    assert live.isRunning()
    assert child(live, QPushButton, "live_run").text() == "Stop"
    _until(qtbot, live, "Frame 0, done")
    layer.data = cells[::-1].copy()
    _until(qtbot, live, "Frame 1, done")
    # In place, as an acquisition writes.
    layer.data[:] = cells
    layer.refresh()
    _until(qtbot, live, "Frame 2, done")
    assert [one.name for one in viewer.layers] == ["camera", "camera live"]
    result = viewer.layers["camera live"]
    expected = deblur(cells, dock.value().operator_family(cells.shape))
    np.testing.assert_array_equal(result.data, expected.image)
    assert not is_listed(result)
    history = child(live, HistoryPlot).value()
    assert history is not None and history.frames == ("frame 0", "frame 1", "frame 2")
    assert expected.identification is not None
    np.testing.assert_allclose(history.theta[2], expected.identification.theta)
    assert (history.theta_std > 0).all()
    assert _says(live, "live_counts") == "3 frames came: 3 restored; none dropped."
    press(qtbot, live, "live_run")
    assert not live.isRunning()
    layer.data = cells[::-1]
    qtbot.wait(50)
    assert "3 frames came" in _says(live, "live_counts")


def test_frames_that_come_too_fast_are_dropped_and_that_is_said(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, live: LiveDialog, cells: NDArray[np.uint16]
) -> None:
    series = viewer.add_image(cells[np.newaxis], name="series", axis_labels=("t", "y", "x"), scale=(1, 0.1, 0.1))
    know_the_blur(dock)
    press(qtbot, live, "live_run")
    # Appended to, twenty times in one turn of the event loop.
    grown = cells[np.newaxis]
    for shift in range(20):
        grown = np.concatenate([grown, np.roll(cells, shift + 1, 1)[np.newaxis]])
        series.data = grown
    _until(qtbot, live, "Frame 20, done")
    words = _says(live, "live_counts")
    assert words.startswith("21 frames came: ") and "dropped, as they came faster" in words
    restored, dropped = int(words.split()[3]), int(words.split()[5])
    assert restored + dropped == 21 and dropped > 0
    expected = finished(deblur_steps(grown[-1], dock.value()))
    np.testing.assert_array_equal(viewer.layers["series live"].data, expected.image)


def test_it_stops_when_the_layer_or_the_dock_goes(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, live: LiveDialog, cells: NDArray[np.uint16]
) -> None:
    layer = viewer.add_image(cells, name="camera", **MICROMETRES)
    know_the_blur(dock)
    press(qtbot, live, "live_run")
    _until(qtbot, live, "Frame 0, done")
    viewer.layers.remove(layer)
    assert not live.isRunning()
    assert _says(live) == "Stopped: the layer that was followed was removed."
    viewer.layers.clear()
    viewer.add_image(cells, name="again", **MICROMETRES)
    press(qtbot, live, "live_run")
    assert live.isRunning()
    viewer.window.remove_dock_widget(dock)
    assert not live.isRunning()


def test_it_stops_when_the_window_of_napari_is_closed(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, live: LiveDialog, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="camera", **MICROMETRES)
    know_the_blur(dock)
    press(qtbot, live, "live_run")
    assert live.isRunning()
    # Its event alone: the fixture closes the window itself.
    live.eventFilter(dock.window(), QCloseEvent())
    assert not live.isRunning()


class _Broken:
    """An array whose file has gone."""

    def __init__(self, like: NDArray[Any]) -> None:
        self.shape, self.dtype, self.ndim, self.whole = like.shape, like.dtype, like.ndim, like
        self.gone = False

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if self.gone:
            raise OSError("the disk is gone")
        part: NDArray[Any] = self.whole[key]
        return part


def test_a_source_that_fails_ends_it_with_the_reason(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    live: LiveDialog,
    cells: NDArray[np.uint16],
) -> None:
    array = _Broken(cells)
    viewer.add_image(array, name="lazy", contrast_limits=(0, 2000), **MICROMETRES)
    know_the_blur(dock)
    array.gone = True
    press(qtbot, live, "live_run")
    qtbot.waitUntil(lambda: not live.isRunning(), timeout=PATIENCE_MS)
    assert "the disk is gone" in _says(live)
    assert child(live, Notice, "live_status").level() == "error"
    assert child(live, QPushButton, "live_run").text() == "Start"


def test_without_an_image_it_says_so(qtbot: QtBot, live: LiveDialog) -> None:
    press(qtbot, live, "live_run")
    assert not live.isRunning()
    assert "nothing to run" in _says(live)


def _no_camera() -> bool:
    if find_spec("pymmcore_plus") is None:
        return True
    from pymmcore_plus import find_micromanager

    return find_micromanager() is None


@pytest.fixture
def camera(request: pytest.FixtureRequest) -> Any:
    """Load the demo camera of Micro-Manager."""
    from pymmcore_plus import CMMCorePlus

    core = CMMCorePlus.instance()
    core.loadSystemConfiguration()
    request.addfinalizer(core.unloadAllDevices)
    return core


@pytest.mark.skipif(_no_camera(), reason="needs pymmcore-plus and the adapters of Micro-Manager")
@pytest.mark.filterwarnings("ignore")
def test_the_demo_camera_is_followed(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    live: LiveDialog,
    cells: NDArray[np.uint16],
    camera: Any,
    record_property: Callable[[str, object], None],
) -> None:
    viewer.add_image(cells, name="any", **MICROMETRES)
    know_the_blur(dock)
    box = live._box
    box.setCurrentIndex(box.findData("camera"))
    press(qtbot, live, "live_run")
    assert "Micro-Manager says that pixels are 1 µm" in _says(live)
    camera.snapImage()
    _until(qtbot, live, "Frame 0, done")
    camera.setExposure(10)
    camera.startContinuousSequenceAcquisition(0)
    qtbot.waitUntil(lambda: "dropped, as they came faster" in _says(live, "live_counts"), timeout=PATIENCE_MS)
    camera.stopSequenceAcquisition()
    record_property("counts", _says(live, "live_counts"))
    assert viewer.layers["live"].data.shape == (camera.getImageHeight(), camera.getImageWidth())
    press(qtbot, live, "live_run")
    assert not live.isRunning()
