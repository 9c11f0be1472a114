"""A napari viewer with the Deblur dock in it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import child
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QThreadPool
from qtpy.QtWidgets import QApplication, QLabel, QProgressBar
from scipy.ndimage import gaussian_filter

from napari_deepblur.io.user_folder import user_folder
from napari_deepblur.io.weights import FOLDER_VARIABLE
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.run_panel import RunPanel


@pytest.fixture(autouse=True)
def user_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what a user's own folder would be given in a folder of the test."""
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "own"))
    return user_folder()


@pytest.fixture(scope="session", autouse=True)
def _what_is_loaded_is_no_garbage() -> None:
    """Leave the modules out of collections: napari has one made for every layer that goes, to free memory of OpenGL."""
    gc.collect()
    gc.freeze()


_STYLE_ANIMATION_UPDATE = 213
"""The next frame of a bar that only says that something goes on; PyQt6 leaves `QEvent.StyleAnimationUpdate` out."""


class _Still(QObject):
    """Shows no next frame of an animation: OpenGL in software composes the whole window anew for each."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type().value != _STYLE_ANIMATION_UPDATE:
            return False
        event.accept()
        return True


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Viewer]) -> Iterator[Viewer]:
    """Open a napari window that refuses to be changed from another thread; a widget left over fails the test."""
    viewer = make_napari_viewer_proxy(show=True, strict_qt="raise")
    for widget in QApplication.allWidgets():
        movie = widget.movie() if isinstance(widget, QLabel) else None
        if movie is not None:
            # In per cent.
            movie.setSpeed(1)
    yield viewer
    QThreadPool.globalInstance().waitForDone()


@pytest.fixture(autouse=True)
def _busy_bars_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    made = RunPanel.__init__

    def still(panel: RunPanel, *arguments: Any, **named: Any) -> None:
        made(panel, *arguments, **named)
        child(panel, QProgressBar).installEventFilter(_Still(panel))

    monkeypatch.setattr(RunPanel, "__init__", still)


@pytest.fixture
def dock(viewer: Viewer, untrained_weights: Path, short_fit: None, monkeypatch: pytest.MonkeyPatch) -> DeblurDock:
    """Open the dock as the menu does."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(untrained_weights))
    _, widget = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    assert isinstance(widget, DeblurDock)
    return widget


@pytest.fixture
def cells() -> np.ndarray:
    """Make a plane of counts with structure at all scales that the optics pass."""
    rng = np.random.default_rng(7)
    plane = rng.uniform(0, 1, (96, 112)).cumsum(0).cumsum(1)
    points = gaussian_filter((rng.uniform(0, 1, plane.shape) > 0.98).astype(float), 1.2)
    plane = plane / plane.max() + points / points.max()
    return (100 + 900 * plane).astype(np.uint16)
