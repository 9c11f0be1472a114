"""A small computation in another thread, of which only the latest matters."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_deepblur.errors import DeepblurError
from napari_deepblur.widgets.failures import keep_details
from napari_deepblur.widgets.loading import wait_for_loading
from napari_deepblur.widgets.workers import make_worker

if TYPE_CHECKING:
    from napari.qt.threading import FunctionWorker

_WAIT_MS = 120
"""A request is computed when none has followed it for so long."""


class Latest(QObject):
    """Compute what was asked for last; what was asked for before, and is not wanted any more, is dropped.

    Requests may come as fast as a slider moves. One computation runs at a time, and none is ever interrupted. superqt's
    debouncer stands for the timer alone, and cannot say whether it waits: what this is about is the thread behind it.

    Parameters
    ----------
    parent
        Its owner.
    """

    ready = Signal(object)
    """The result of the latest request."""
    failed = Signal(object)
    """The exception that it raised."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted: Callable[[], Any] | None = None
        self._worker: FunctionWorker[Any] | None = None
        self._result: Any = (None, None, None)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self._start)

    def request(self, compute: Callable[[], Any]) -> None:
        """Ask for a computation, in place of all that were asked for before.

        Parameters
        ----------
        compute
            Called in another thread.
        """
        self._wanted = compute
        self._timer.start()

    def drop(self) -> None:
        """Forget what was asked for; nothing will be emitted for it."""
        self._wanted = None
        self._timer.stop()

    def is_busy(self) -> bool:
        """Tell whether something is being computed or waits for it."""
        return self._worker is not None or self._timer.isActive()

    def _start(self) -> None:
        compute = self._wanted
        if compute is None or self._worker is not None:
            return
        worker = make_worker(_guarded, compute)
        self._worker = worker
        worker.returned.connect(self._keep)
        worker.finished.connect(self._finish)
        worker.start()

    def _keep(self, result: Any) -> None:
        self._result = result

    def _finish(self) -> None:
        compute = self._wanted
        ran, value, error = self._result
        self._worker, self._result = None, (None, None, None)
        if compute is None or compute is not ran:
            if not self._timer.isActive():
                self._start()
            return
        self._wanted = None
        if error is not None:
            self.failed.emit(error)
        else:
            self.ready.emit(value)


def _guarded(compute: Callable[[], Any]) -> tuple[Callable[[], Any], Any, Exception | None]:
    """Return errors as values; see `job`. Says also which request it answers."""
    wait_for_loading()
    try:
        return compute, compute(), None
    except Exception as error:
        if not isinstance(error, DeepblurError):
            keep_details(traceback.format_exc())
        return compute, None, error.with_traceback(None)
