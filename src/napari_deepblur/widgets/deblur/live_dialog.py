"""Live mode: the newest frame of a layer or camera identified and restored, again and again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QComboBox, QDialog, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.errors import DeepblurError, ImageError
from napari_deepblur.pipeline.newest_frame import NewestFrame
from napari_deepblur.pipeline.series import History
from napari_deepblur.progress import changed
from napari_deepblur.widgets.colours import message_style
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.deblur.history_plot import HistoryPlot
from napari_deepblur.widgets.deblur.live_sources import CameraSource, LayerSource
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.help_button import HelpButton
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.layer_steps import planar_placement
from napari_deepblur.widgets.layers import METADATA_KEY, selection_kept
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.run_panel import in_words

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_deepblur.pipeline.live import LiveCounts, LiveFrame
    from napari_deepblur.widgets.colours import Colours
    from napari_deepblur.widgets.deblur.wanted import Ask, Wanted
    from napari_deepblur.widgets.notice import Level

_REMEMBERED = 200
"""Frames in the running plot."""
_TICK_MS = 1000
_WIDTH, _HEIGHT = 30, 26
"""Of the window, in heights of the letters."""
_SOURCES = {"layer": "the image of the dock", "camera": "camera of Micro-Manager (pymmcore-plus)"}


class LiveDialog(QDialog):
    """Start and Stop, what was missed, and the coefficients against the frame.

    Parameters
    ----------
    viewer
        The napari viewer.
    ask
        Returns what a run would be given now: its layer is followed, with its settings.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, ask: Ask, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Live")
        self._viewer, self._ask = viewer, ask
        self._job = Job(self, "Deblur, live")
        self._source: LayerSource | CameraSource | None = None
        self._followed: Layer | None = None
        self._result: Layer | None = None
        self._wanted: Wanted | None = None
        self._window: QWidget | None = None
        self._found: deque[tuple[int, NDArray[np.float32], NDArray[np.float32]]] = deque(maxlen=_REMEMBERED)
        self._names: tuple[str, ...] = ()
        self._box = QComboBox(self)
        self._box.setObjectName("live_source")
        self._box.setToolTip("Where the frames come from. A camera is followed, and never started.")
        for kind, words in _SOURCES.items():
            self._box.addItem(words, kind)
        self._button = QPushButton(self)
        self._button.setObjectName("live_run")
        self._status, self._work, self._counts = Notice(self), Notice(self), Notice(self)
        self._status.setObjectName("live_status")
        self._work.setObjectName("live_work")
        self._counts.setObjectName("live_counts")
        self._begun: float | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._history = HistoryPlot(self)
        form = QFormLayout()
        source = QHBoxLayout()
        source.addWidget(self._box, stretch=1)
        source.addWidget(HelpButton("many", "live mode and many images", self))
        form.addRow("Frames of", source)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        for part in (self._button, self._status, self._work, self._counts, self._history):
            layout.addWidget(part)
        layout.addStretch(1)
        self._button.clicked.connect(self._pressed)
        self._job.progressed.connect(self._stepped)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._connections = Connections(self)
        self._connections.connect(viewer.layers.events.removed, self._removed)
        letter = self.fontMetrics().height()
        self.resize(_WIDTH * letter, _HEIGHT * letter)
        self._offer()

    def isRunning(self) -> bool:
        """Tell whether frames are followed."""
        return self._job.is_running()

    def open(self) -> None:
        """Show the window."""
        self.show()
        self.raise_()

    def stop(self, why: str = "Stopped. The result layer shows the last frame that was done.") -> None:
        """Follow no longer."""
        running = self.isRunning()
        self._end_source()
        self._job.cancel()
        if running:
            self._rest(why)

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self.setStyleSheet(message_style(colours))
        self._history.setColours(colours)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stop when napari's window is closed: the program waits for its threads, and this one would go on for good."""
        if event is not None and event.type() == QEvent.Type.Close and watched is self._window:
            self.stop()
        return super().eventFilter(watched, event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop, too."""
        self.stop()
        super().closeEvent(event)

    def reject(self) -> None:
        """Stop where the user presses Escape, too."""
        self.stop()
        super().reject()

    def _offer(self) -> None:
        self._button.setText("Start")
        self._button.setToolTip(
            "Identify the blur of each frame and restore the newest into one layer, with the settings of the dock. "
            "Frames that come meanwhile are dropped, and counted."
        )
        self._box.setEnabled(True)

    def _pressed(self) -> None:
        if self.isRunning():
            self.stop()
            return
        try:
            self._start()
        except DeepblurError as error:
            self._end_source()
            self._status.say(str(error), "error")

    def _start(self) -> None:
        wanted = self._ask()
        if wanted is None:
            raise ImageError("The dock has nothing to run now: its forms say why, or a run goes on there.")
        frames, channel, note = NewestFrame(), 0, ""
        if self._box.currentData() == "camera":
            camera = CameraSource(frames, self)
            self._source, self._followed = camera, None
            size, own = camera.pixel_size_um(), wanted.settings.optics.pixel_size_um
            if size and abs(size - own) > 0.01 * own:
                note = f" Micro-Manager says that pixels are {size:g} µm; the dock, which counts, says {own:g} µm."
        else:
            layer = LayerSource(self._viewer, wanted.layer, wanted.choice.axes, frames, self)
            self._source, self._followed, channel = layer, wanted.layer, layer.channel()
        self._wanted = wanted
        dock = self.parent()
        self._window = dock.window() if isinstance(dock, QWidget) else None
        if self._window is not None:
            self._window.installEventFilter(self)
        self._found.clear()
        self._history.setValue(None)
        self._counts.clear()
        self._button.setText("Stop")
        self._button.setToolTip("Follow no longer; what was restored last stays.")
        self._box.setEnabled(False)
        self._status.say(f"Waiting for a frame.{note}", "warning" if note else "note")
        self._timer.start()
        # One draw a frame is what there is time for.
        self._job.start(partial(_steps, frames, wanted.settings.replace(draws=0), channel))

    def _end_source(self) -> None:
        window, self._window = self._window, None
        if window is not None:
            window.removeEventFilter(self)
        source, self._source, self._followed = self._source, None, None
        if source is not None:
            source.stop()
            source.deleteLater()

    def _removed(self, event: Any = None) -> None:
        if self._followed is not None and self._followed not in self._viewer.layers:
            self.stop("Stopped: the layer that was followed was removed.")

    def _stepped(self, step: str | LiveFrame) -> None:
        if isinstance(step, str):
            self._begun = None if step == "wait" else self._begun or time.monotonic()
            return
        self._begun = None
        self._tick()
        self._counts.say(_in_words(step.counts))
        if step.result is None:
            self._status.say(f"Frame {step.number} cannot be deblurred: {step.note}", "warning")
            return
        self._show(step)
        found, verdict = step.result.identification, step.result.verdict
        light = "" if verdict is None else f" Verdict: {verdict.light}."
        level: Level = "note" if verdict is None or verdict.light == "green" else "warning"
        self._status.say(f"Frame {step.number}, done in {step.seconds:.1f} s.{light}", level)
        if found is not None:
            self._names = tuple(found.parameter_names)
            self._found.append((step.number, found.theta, found.theta_std))
            self._history.setValue(self.history())

    def _tick(self) -> None:
        """Say how long the frame takes that is worked on, where that is long."""
        seconds = 0.0 if self._begun is None else time.monotonic() - self._begun
        self._work.say(f"Working on the newest frame, {in_words(seconds)} so far." if seconds > 1 else "")

    def history(self) -> History | None:
        """Return the coefficients of the last frames; None where none was identified."""
        if not self._found:
            return None
        numbers, theta, std = zip(*self._found, strict=True)
        return History(
            tuple(f"frame {number}" for number in numbers),
            self._names,
            np.array(theta, dtype=np.float64),
            np.array(std, dtype=np.float64),
        )

    def _show(self, frame: LiveFrame) -> None:
        """Put the newest result into its layer, over whatever the sliders show."""
        from napari.layers import Image

        result, wanted = frame.result, self._wanted
        if result is None or wanted is None:
            return
        record = {**result.settings, "preview": "live", "frame": frame.number}
        if self._result is not None and self._result in self._viewer.layers:
            self._result.data = result.image
            self._result.metadata = {METADATA_KEY: record}
            return
        layer = wanted.layer
        arguments: dict[str, Any] = {"name": "live", "metadata": {METADATA_KEY: record}}
        if self._followed is not None:
            arguments = arguments | {
                "name": f"{layer.name} live",
                "colormap": layer.colormap.name,
                "contrast_limits": tuple(layer.contrast_limits),
                **planar_placement(layer, wanted.choice.axes.removesuffix("S")),
            }
        self._result = Image(result.image, **arguments)
        with selection_kept(self._viewer):
            self._viewer.add_layer(self._result)

    def _succeeded(self, counts: LiveCounts) -> None:
        self._end_source()
        self._counts.say(_in_words(counts))
        self._rest("The source has no more frames.")

    def _failed(self, error: Exception) -> None:
        self._end_source()
        self._rest(f"Stopped. {told(error)}", "error")

    def _rest(self, why: str, level: Level = "note") -> None:
        self._timer.stop()
        self._begun = None
        self._work.clear()
        self._offer()
        self._status.say(why, level)


def _steps(frames: NewestFrame, settings: Any, channel: int) -> Generator[str | LiveFrame, None, LiveCounts]:
    """Run live mode with its progress as words: a bar that begins again with every frame tells nothing."""
    from napari_deepblur.pipeline.live import LiveFrame, live_steps

    return (
        yield from changed(
            live_steps(frames, settings, channel), lambda step: step if isinstance(step, LiveFrame) else step.stage
        )
    )


def _in_words(counts: LiveCounts) -> str:
    """Say what became of the frames, above all of those that were missed."""
    refused = f", {counts.refused} could not be deblurred" if counts.refused else ""
    dropped = (
        f"; {counts.dropped} dropped, as they came faster than they could be worked on"
        if counts.dropped
        else "; none dropped"
    )
    return f"{counts.arrived} frames came: {counts.restored} restored{refused}{dropped}."
