"""The Run button, the progress bar and the status line."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.widgets.help_button import HelpButton
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.number_box import commit

if TYPE_CHECKING:
    from napari_deepblur.progress import Progress
    from napari_deepblur.widgets.notice import Level

_STAGES = {
    "load": "Waiting for torch to be loaded",
    "noise": "Estimating the noise",
    "identify": "Identifying the blur",
    "decide": "Choosing the number of iterations",
    "deblur": "Removing the blur",
    "find": "Finding and centring beads",
    "select": "Choosing how many eigen-PSFs and maps",
    "fit": "Fitting the maps of the field",
    "search": "Looking for the wavefront",
    "refine": "Fitting the pupil",
}


_TICK_MS = 1000
_LONG_S = 1.0
"""From which on a wait has to show itself."""

_FRAME = re.compile(r"(\d+)/(\d+)")
"""What the detail of a step is where it is of a series."""


class RunPanel(QWidget):
    """A button that turns into Cancel while a run goes on, with progress and time left.

    Parameters
    ----------
    parent
        Parent widget.
    action
        What stands on the button.
    purpose
        Its tooltip.
    page
        Page of the documentation that a button beside it opens, and what it is about.
    """

    runRequested = Signal()
    cancelRequested = Signal()

    def __init__(
        self,
        parent: QWidget | None = None,
        action: str = "Deblur",
        purpose: str = "Estimate the blur of the image, and remove it.",
        page: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(parent)
        self._action, self._purpose = action, purpose
        self._running = False
        self._started = 0.0
        self._last: tuple[float, Progress] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._button = QPushButton(self)
        self._button.setObjectName("run")
        self._bar = QProgressBar(self)
        self._bar.setObjectName("progress")
        self._bar.setTextVisible(False)
        self._stage = Notice(self)
        self._stage.setObjectName("time_left")
        self._status = Notice(self)
        self._status.setObjectName("status")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self._button, stretch=1)
        if page is not None:
            row.addWidget(HelpButton(*page, self if parent is None else parent))
        layout.addLayout(row)
        for widget in (self._bar, self._stage, self._status):
            layout.addWidget(widget)
        self._button.clicked.connect(self._pressed)
        self.setIdle()

    def setReady(self, reason: str) -> None:
        """Allow a run, or say in the tooltip why there can be none.

        Parameters
        ----------
        reason
            Empty where a run can start.
        """
        if not self._running:
            self._button.setEnabled(not reason)
            self._button.setToolTip(reason or self._purpose)

    def setRunning(self, stops: str = "Stop; the viewer is left as it was.") -> None:
        """Offer to cancel, and say what that means; show that something goes on before the first progress arrives."""
        self._running = True
        self._started = time.monotonic()
        self._button.setText("Cancel")
        self._button.setToolTip(stops)
        self._button.setEnabled(True)
        self._bar.setRange(0, 0)
        self._bar.setVisible(True)
        self._last = None
        self._timer.start()
        self._stage.say("Starting")
        self._status.clear()

    def setCancelling(self) -> None:
        """Show that the request to stop was heard."""
        self._button.setText("Cancelling…")
        self._button.setEnabled(False)
        self._stage.say("Stops at the next step")

    def setIdle(self) -> None:
        """Offer to run."""
        self._running = False
        self._timer.stop()
        self._button.setText(self._action)
        self._bar.setVisible(False)
        self._bar.reset()
        self._stage.clear()
        self.setReady("")

    def setProgress(self, progress: Progress) -> None:
        """Show how far a run has come and how long it will take."""
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._last = time.monotonic(), progress
        self._tick()

    def say(self, message: str, level: Level = "note") -> None:
        """Show how a run ended."""
        self._status.say(message, level)

    def elapsed(self) -> float:
        """Seconds since the run was started."""
        return time.monotonic() - self._started

    def _tick(self) -> None:
        """Say what goes on, and how much time is left by now: between two steps it passes, too."""
        if not self._button.isEnabled():
            return
        if self._last is None:
            self._stage.say(f"Starting{_so_far(self.elapsed())}")
            return
        since, progress = self._last
        left = _time_left(since - self._started, time.monotonic() - since, progress)
        self._stage.say(f"{_STAGES.get(progress.stage, progress.stage)}{_detail(progress)}{left}")

    def _pressed(self) -> None:
        # The panel stands in the dock whose forms it runs.
        commit(self.parentWidget() or self)
        (self.cancelRequested if self._running else self.runRequested).emit()


def in_words(seconds: float) -> str:
    """Write a duration with the precision that people want of one."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _detail(progress: Progress) -> str:
    """Say which frame of how many it is, or what else the step is about."""
    if not progress.detail:
        return ""
    frame = _FRAME.fullmatch(progress.detail)
    return f", frame {frame[1]} of {frame[2]}" if frame else f": {progress.detail}"


def _time_left(elapsed: float, since: float, progress: Progress) -> str:
    """Say how long the rest takes at the pace so far, less what has passed since; how long it took before that."""
    if progress.done <= 0 or elapsed < 1:
        return _so_far(elapsed + since)
    seconds = elapsed * (progress.total - progress.done) / progress.done - since
    if seconds < 1:
        return f", almost done{_so_far(elapsed + since) if since > _LONG_S else ''}"
    return f", about {in_words(seconds)} left"


def _so_far(seconds: float) -> str:
    """Say how long something takes already: a text that stands still looks like a window that hangs."""
    return f", {in_words(seconds)} so far" if seconds > _LONG_S else ""
