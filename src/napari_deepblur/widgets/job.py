"""One computation in another thread, that can be cancelled and never touches the viewer."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QObject, Signal

from napari_deepblur.errors import DeepblurError
from napari_deepblur.progress import Progress
from napari_deepblur.widgets.activity import Activity
from napari_deepblur.widgets.failures import keep_details
from napari_deepblur.widgets.loading import loading_steps
from napari_deepblur.widgets.workers import make_worker

if TYPE_CHECKING:
    from napari.qt.threading import GeneratorWorker

Steps = Callable[[], Generator[Any, None, Any]]
"""Starts a computation that yields its progress, and perhaps parts of its result, and returns its result."""


class _Failure(NamedTuple):
    error: Exception
    trace: str


class Job(QObject):
    """Run one computation at a time on napari's worker threads.

    Of `succeeded`, `failed` and `cancelled` exactly one is emitted for each `start`, in the thread of the window.

    Parameters
    ----------
    parent
        Its destruction, for instance because a dock is closed, asks the computation to stop.
    title
        What napari's activity panel calls it.
    """

    progressed = Signal(object)
    """A `Progress`, or whatever else the computation yields."""
    succeeded = Signal(object)
    """What the computation returns."""
    failed = Signal(object)
    """The exception."""
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None, title: str = "Deblur") -> None:
        super().__init__(parent)
        self._activity = Activity(title)
        self._worker: GeneratorWorker[Any, None, Any] | None = None
        self._stopping: GeneratorWorker[Any, None, Any] | None = None
        self._outcome: Any = None
        self.destroyed.connect(self._activity.close)

    def is_running(self) -> bool:
        """Tell whether a computation is under way that was not cancelled."""
        return self._worker is not None

    def start(self, steps: Steps) -> None:
        """Start a computation; it waits until one that was cancelled has come to the end of its last step.

        Raises
        ------
        RuntimeError
            If one is under way.
        """
        if self._worker is not None:
            raise RuntimeError("A computation is under way: one at a time.")
        self._outcome = None
        worker = make_worker(_in_background, steps)
        self._worker = worker
        worker.yielded.connect(self._report)
        worker.returned.connect(self._keep)
        worker.finished.connect(self._finish)
        # The worker outlives a closed dock until its next step; its signals to this object end with the object.
        self.destroyed.connect(worker.quit)
        if self._stopping is None:
            worker.start()

    def cancel(self) -> None:
        """Give a computation up: `cancelled` is emitted at once, and the thread stops at its next step."""
        if self._worker is None:
            return
        # One that still waits for the end of another has never been started.
        if self._stopping is None:
            self._stopping = self._worker
        self._worker.quit()
        self._worker = None
        self._activity.close()
        self.cancelled.emit()

    def _report(self, step: Any) -> None:
        # What a computation said before it was cancelled may arrive after that.
        if self._stopping is None:
            self.progressed.emit(step)
            if isinstance(step, Progress):
                self._activity.show(step)

    def _keep(self, outcome: Any) -> None:
        if self._stopping is None:
            self._outcome = outcome

    def _finish(self) -> None:
        if self._stopping is not None:
            self._stopping = None
            if self._worker is not None:
                self._worker.start()
            return
        outcome, self._worker, self._outcome = self._outcome, None, None
        self._activity.close()
        if outcome is None:
            self.cancelled.emit()
        elif isinstance(outcome, _Failure):
            if not isinstance(outcome.error, DeepblurError):
                keep_details(outcome.trace)
            self.failed.emit(outcome.error)
        else:
            self.succeeded.emit(outcome)


def _in_background(steps: Steps) -> Generator[Any, None, Any]:
    """Return errors as values.

    A worker takes a RuntimeError, which is what torch raises and what DeviceError is, for a sign that its window has
    gone, and then never says that it has finished.
    """
    # A full collection looks at every object of napari and torch, and for a quarter of a second nothing else in the
    # program moves. What is there already is left out until the computation ends.
    # What somebody else has left out, or another computation, is theirs to take back.
    freezes = gc.get_freeze_count() == 0
    if freezes:
        gc.freeze()
    try:
        yield from loading_steps()
        result = yield from steps()
    except Exception as error:
        trace = traceback.format_exc()
        # The frames would keep their arrays alive as long as the error.
        return _Failure(error.with_traceback(None), trace)
    finally:
        if freezes:
            gc.unfreeze()
    return result
