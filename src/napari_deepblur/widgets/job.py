"""One computation in another thread, that can be cancelled and never touches the viewer."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QObject, Signal

from napari_deepblur.errors import DeepblurError
from napari_deepblur.pipeline.results import Deblurring, Progress

if TYPE_CHECKING:
    from napari.qt.threading import GeneratorWorker

_LOGGER = logging.getLogger(__name__)

Steps = Callable[[], Generator[Progress, None, Deblurring]]
"""Starts a computation that yields its progress and returns its result."""


class _Failure(NamedTuple):
    error: Exception
    trace: str


class DeblurJob(QObject):
    """Run one computation at a time on napari's worker threads.

    Of `succeeded`, `failed` and `cancelled` exactly one is emitted for each `start`, in the thread of the window.

    Parameters
    ----------
    parent
        Its destruction, for instance because a dock is closed, asks the computation to stop.
    """

    progressed = Signal(object)
    """A `Progress`."""
    succeeded = Signal(object)
    """A `Deblurring`."""
    failed = Signal(object)
    """The exception."""
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: GeneratorWorker[Progress, None, Deblurring | _Failure] | None = None
        self._outcome: Deblurring | _Failure | None = None
        self._cancelled = False

    def is_running(self) -> bool:
        """Tell whether a computation is under way, be it asked to stop or not."""
        return self._worker is not None

    def start(self, steps: Steps) -> None:
        """Start a computation.

        Raises
        ------
        RuntimeError
            If one is under way.
        """
        from napari.qt.threading import create_worker

        if self._worker is not None:
            raise RuntimeError("A computation is under way: one at a time.")
        self._outcome, self._cancelled = None, False
        worker = create_worker(_deblur_in_background, steps, _start_thread=False)
        self._worker = worker
        worker.yielded.connect(self.progressed)
        worker.returned.connect(self._keep)
        worker.finished.connect(self._finish)
        # The worker outlives a closed dock until its next step; its signals to this object end with the object.
        self.destroyed.connect(worker.quit)
        worker.start()

    def cancel(self) -> None:
        """Ask the computation to stop; it does so at its next step."""
        if self._worker is not None:
            self._cancelled = True
            self._worker.quit()

    def _keep(self, outcome: Deblurring | _Failure) -> None:
        self._outcome = outcome

    def _finish(self) -> None:
        outcome, self._worker, self._outcome = self._outcome, None, None
        # A result that was on its way when the user cancelled is not wanted any more.
        if outcome is None or self._cancelled:
            self.cancelled.emit()
        elif isinstance(outcome, _Failure):
            if not isinstance(outcome.error, DeepblurError):
                _LOGGER.error("unexpected error in a run\n%s", outcome.trace)
            self.failed.emit(outcome.error)
        else:
            self.succeeded.emit(outcome)


def _deblur_in_background(steps: Steps) -> Generator[Progress, None, Deblurring | _Failure]:
    """Return errors as values.

    A worker takes a RuntimeError, which is what torch raises and what DeviceError is, for a sign that its window has
    gone, and then never says that it has finished.
    """
    try:
        result = yield from steps()
    except Exception as error:
        trace = traceback.format_exc()
        # The frames would keep their arrays alive as long as the error.
        return _Failure(error.with_traceback(None), trace)
    return result
