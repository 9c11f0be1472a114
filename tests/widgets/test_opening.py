"""Docks open at once, and say that they are loading."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Generator

import numpy as np
import pytest
from driving import PATIENCE_MS, child, press
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject, QThreadPool
from qtpy.QtWidgets import QLabel

from napari_deepblur.progress import Progress
from napari_deepblur.widgets import loading, opening
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.latest import Latest
from napari_deepblur.widgets.loading import load_for
from napari_deepblur.widgets.opening import LoadingDock, dock_in


def test_the_dock_comes_when_it_is_loaded(
    qtbot: QtBot, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, cells: NDArray[np.uint16]
) -> None:
    monkeypatch.setattr(opening, "_is_loaded", lambda _: False)
    frame, holder = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    assert isinstance(holder, LoadingDock)
    assert "Loading" in child(holder, QLabel).text() and not holder.isHidden()
    qtbot.waitUntil(lambda: holder.findChild(DeblurDock) is not None, timeout=PATIENCE_MS)
    dock = dock_in(holder)
    assert isinstance(dock, DeblurDock) and dock.isVisible()
    # It has all of the place, though napari has pushed what stood there before to the top.
    qtbot.waitUntil(lambda: dock.height() == holder.height(), timeout=PATIENCE_MS)
    viewer.add_image(cells, scale=(0.1, 0.1), units=("um", "um"))
    press(qtbot, dock)
    assert dock.isRunning()
    # A dock that is closed stops.
    viewer.window.remove_dock_widget(frame)
    assert not dock.isRunning()
    assert QThreadPool.globalInstance().waitForDone(PATIENCE_MS)
    holder.deleteLater()
    qtbot.wait(50)


def test_loading_leaves_collections_as_they_were() -> None:
    for switch in (gc.disable, gc.enable):
        switch()
        opening._prepare("napari_deepblur.widgets.notice")
        assert gc.isenabled() == (switch is gc.enable)


def test_the_libraries_of_torch_are_loaded_before_it_is_imported() -> None:
    code = (
        "import ctypes, sys; from napari_deepblur.widgets.loading import load_torch_libraries; seen = [];"
        "load = ctypes.CDLL; ctypes.CDLL = lambda *a, **k: seen.append(a[0]) or load(*a, **k); load_torch_libraries();"
        "assert 'torch' not in sys.modules; assert sys.platform == 'win32' or len(seen) == 2, seen; import torch"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_opened_first_needs_no_torch() -> None:
    code = "import sys, napari_deepblur.widgets.opening; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True)


HEAVY = ("torch", "scipy.signal", "scipy.stats", "scipy.optimize", "skimage.feature", "matplotlib", "safetensors")
"""What runs need and forms do not."""

BUILDS = """
import sys
from importlib import import_module
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
import napari_deepblur.widgets.loading as loading
import numpy as np

module, name, *heavy = sys.argv[1:]
application = QApplication([])
before = set(sys.modules)
loading.load_for = lambda *_: None
viewer = ViewerModel()
viewer.add_image(np.ones((64, 64), np.uint16), scale=(0.1, 0.1), units=("um", "um"))
dock = getattr(import_module(module), name)(viewer)
if name == "DeblurDock":
    assert dock.value().optics.pixel_size_um == 0.1
print(*sorted((set(sys.modules) - before) & set(heavy)))
"""


@pytest.mark.parametrize("place", [opening._DEBLUR, opening._CALIBRATION])
def test_a_dock_is_built_without_what_it_computes_with(place: tuple[str, str]) -> None:
    run = subprocess.run([sys.executable, "-c", BUILDS, *place, *HEAVY], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_a_run_waits_for_what_is_loaded_and_says_so(qtbot: QtBot) -> None:
    job, steps, results = Job(), [], []
    job.progressed.connect(steps.append)
    job.succeeded.connect(results.append)
    with loading._goes_on:
        job.start(_computed)
        qtbot.waitUntil(lambda: len(steps) > 1, timeout=PATIENCE_MS)
        assert set(steps) == {Progress("load", 0, 1)} and results == []
    qtbot.waitUntil(lambda: results == ["computed"], timeout=PATIENCE_MS)


def test_a_preview_waits_for_what_is_loaded(qtbot: QtBot) -> None:
    latest, results = Latest(), []
    latest.ready.connect(results.append)
    with loading._goes_on:
        latest.request(lambda: "computed")
        qtbot.wait(400)
        assert results == [] and latest.is_busy()
    qtbot.waitUntil(lambda: results == ["computed"], timeout=PATIENCE_MS)


def test_what_is_loaded_is_told_in_the_thread_of_the_window(qtbot: QtBot) -> None:
    owner, told = QObject(), []
    # Here already: at once.
    load_for(owner, ["napari_deepblur.widgets.notice"], lambda: "known", told.append)
    assert told == ["known"]
    sys.modules.pop("napari_deepblur.operators.masked", None)
    load_for(owner, ["napari_deepblur.operators.masked"], threading.get_ident, told.append)
    assert len(told) == 1
    qtbot.waitUntil(lambda: len(told) == 2, timeout=PATIENCE_MS)
    assert told[1] != threading.get_ident()


def _computed() -> Generator[Progress, None, str]:
    yield from ()
    return "computed"
