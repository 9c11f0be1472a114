"""Docks open at once, and say that they are loading."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest
from driving import PATIENCE_MS, child, press
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QLabel

from napari_deepblur.widgets import opening
from napari_deepblur.widgets.deblur.dock import DeblurDock
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
        "import ctypes, sys; from napari_deepblur.widgets.opening import _load_torch; seen = []; load = ctypes.CDLL;"
        "ctypes.CDLL = lambda *a, **k: seen.append(a[0]) or load(*a, **k); _load_torch();"
        "assert 'torch' not in sys.modules; assert sys.platform == 'win32' or len(seen) == 2, seen; import torch"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_opened_first_needs_no_torch() -> None:
    code = "import sys, napari_deepblur.widgets.opening; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True)
