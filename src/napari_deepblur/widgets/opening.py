"""Docks that open at once: the first time, their modules are imported in another thread."""

from __future__ import annotations

import sys
from importlib import import_module
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_deepblur.widgets.failures import keep_details, told
from napari_deepblur.widgets.loading import uncollected
from napari_deepblur.widgets.workers import make_worker

if TYPE_CHECKING:
    from napari.viewer import Viewer

_DEBLUR = ("napari_deepblur.widgets.deblur.dock", "DeblurDock")
_CALIBRATION = ("napari_deepblur.widgets.calibration.dock", "CalibrationDock")


class OpenDeblur:
    """What napari's menu calls for the Deblur dock; it returns the dock, or what stands in its place while it loads."""

    def __new__(cls, napari_viewer: Viewer) -> QWidget:  # type: ignore[misc]  # napari asks for a class
        """Open the dock."""
        return _opened(_DEBLUR, napari_viewer)

    def __init__(self, napari_viewer: Viewer) -> None:
        """Tell napari that the viewer is wanted."""


class OpenCalibration:
    """What napari's menu calls for the Bead calibration dock, as `OpenDeblur`."""

    def __new__(cls, napari_viewer: Viewer) -> QWidget:  # type: ignore[misc]  # napari asks for a class
        """Open the dock."""
        return _opened(_CALIBRATION, napari_viewer)

    def __init__(self, napari_viewer: Viewer) -> None:
        """Tell napari that the viewer is wanted."""


class LoadingDock(QWidget):
    """Says that a dock is loading, and then holds it.

    Parameters
    ----------
    place
        Module and name of the dock.
    viewer
        The napari viewer, which the dock is given.
    """

    def __init__(self, place: tuple[str, str], viewer: Viewer) -> None:
        super().__init__()
        self._place, self._viewer = place, viewer
        self._dock: QWidget | None = None
        self._words = QLabel("Loading. The first time takes some seconds…", self)
        self._words.setWordWrap(True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 0)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._words)
        self._column.addWidget(self._bar)
        worker: Any = make_worker(_prepare, place[0])
        worker.returned.connect(self._loaded)
        worker.errored.connect(self._failed)
        worker.start()

    def is_loaded(self) -> bool:
        """Tell whether the dock is there."""
        return self._dock is not None

    def dock(self) -> QWidget:
        """Return the dock; where it is still loading, wait for it."""
        if self._dock is None:
            self._words.hide()
            self._bar.hide()
            self._dock = _made(self._place, self._viewer)
            # All of the height: napari has put a stretch below the words.
            while self._column.count():
                self._column.takeAt(0)
            self._column.addWidget(self._dock)
            # A layout shows what it is given only in the next turn of the event loop.
            self._dock.show()
        return self._dock

    def event(self, event: QEvent | None) -> bool:
        """Let the dock know when napari takes it out of its window."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            held, self._dock = self._dock, None
            if held is not None:
                held.setParent(None)
                held.deleteLater()
        return super().event(event)

    def _loaded(self, _nothing: object) -> None:
        # Nobody waits for a dock that was closed meanwhile.
        if self.parent() is not None:
            self.dock()

    def _failed(self, error: Exception) -> None:
        self._bar.hide()
        keep_details("".join(format_exception(error)))
        self._words.setText(f"The dock could not be loaded. {told(error)}")


def _prepare(module: str) -> None:
    """Do in another thread what makes a dock wait the first time: import it, and read all preferences."""
    from napari.settings import get_plugin_settings

    with uncollected():
        import_module(module)
        get_plugin_settings()


def dock_in(widget: QWidget) -> QWidget:
    """Return the dock in a widget that napari has opened: the widget itself, or what it holds."""
    return widget.dock() if isinstance(widget, LoadingDock) else widget


def _opened(place: tuple[str, str], viewer: Viewer) -> QWidget:
    return _made(place, viewer) if _is_loaded(place[0]) else LoadingDock(place, viewer)


def _is_loaded(module: str) -> bool:
    return module in sys.modules


def _made(place: tuple[str, str], viewer: Viewer) -> QWidget:
    dock: QWidget = getattr(import_module(place[0]), place[1])(viewer)
    return dock
