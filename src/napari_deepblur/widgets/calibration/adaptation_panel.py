"""Adapt the identification network to a calibrated microscope, and watch it learn."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.progress import Progress
from napari_deepblur.widgets.calibration.loss_plot import LossPlot
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.number_box import WholeBox, commit
from napari_deepblur.widgets.run_panel import RunPanel, in_words

if TYPE_CHECKING:
    from napari_deepblur.training.loop import Rows, TrainingReport
    from napari_deepblur.widgets.colours import Colours

_MINUTES = 30


class AdaptationPanel(QWidget):
    """A time budget, a button that starts or stops, the loss, and what the network reaches on unseen images.

    A run that is stopped keeps a checkpoint beside the family, from which the next one goes on. The weights are
    written at the end of a run, where identification with this family finds them.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file: Path | None = None
        self._stop = threading.Event()
        self._job = Job(self, "Adapt network")
        self._minutes = WholeBox(self)
        self._minutes.setObjectName("adaptation_minutes")
        self._minutes.setRange(1, 24 * 60)
        self._minutes.setValue(_MINUTES)
        self._minutes.setSuffix(" min")
        self._minutes.setToolTip(
            "Minutes after which it stops and writes the weights; the next run goes on from there."
        )
        self._plot = LossPlot(self)
        self._plot.setObjectName("adaptation_loss")
        self._reached = Notice(self)
        self._reached.setObjectName("adaptation_reached")
        self._panel = RunPanel(self, "Adapt network", "Train the identification network for this family of blurs.")
        self._panel.setObjectName("adaptation_run_panel")
        # One dock, two buttons.
        for name in ("run", "progress", "time_left", "status"):
            child = self._panel.findChild(QWidget, name)
            if child is not None:
                child.setObjectName(f"adaptation_{name}")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Time for training", self._minutes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        for widget in (self._plot, self._reached, self._panel):
            layout.addWidget(widget)
        self._plot.hide()
        self._panel.runRequested.connect(self.start)
        self._panel.cancelRequested.connect(self.stop)
        self._job.progressed.connect(self._progressed)
        self._job.succeeded.connect(self._ended)
        self._job.failed.connect(self._failed)
        self._job.cancelled.connect(self._rest)
        self._rest()

    def value(self) -> Path | None:
        """Return the file of the family."""
        return self._file

    def setValue(self, file: Path | None) -> None:
        """Choose the file of the family; that of a run under way stays."""
        if not self.isRunning():
            if file != self._file:
                self._plot.setValue([])
                self._plot.hide()
                self._reached.clear()
            self._file = file
            self._rest()

    def isRunning(self) -> bool:
        """Tell whether a run is under way."""
        return self._job.is_running()

    def start(self) -> None:
        """Start a run, or go on with one that was stopped."""
        file = self._file
        if file is None or self.isRunning():
            return
        # A new one: a run that is still coming to its end keeps its own.
        stop = self._stop = threading.Event()
        commit(self)
        minutes = self._minutes.value()
        self._minutes.setEnabled(False)
        self._plot.setValue(self._plot.value() or [])
        self._plot.show()
        self._panel.setRunning()
        self._job.start(lambda: _steps(file, minutes, stop))

    def stop(self) -> None:
        """Stop after the present step, with a checkpoint."""
        self._stop.set()
        self._panel.setCancelling()

    def abandon(self) -> None:
        """Stop because the dock goes away; also then there is a checkpoint."""
        self._stop.set()
        self._job.cancel()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._plot.setColours(colours)

    def _progressed(self, step: Progress | TrainingReport) -> None:
        if isinstance(step, Progress):
            self._panel.setProgress(step)
            return
        self._plot.add(step.samples, step.loss)
        if step.rows:
            self._reached.say(_in_words(step.rows))

    def _ended(self, weights: Path | str) -> None:
        elapsed = self._panel.elapsed()
        self._rest()
        if isinstance(weights, Path):
            self._panel.say(
                f"Adapted in {in_words(elapsed)}. The weights are in {weights.name} beside the family, where Deblur "
                "finds them. Another run makes them better."
            )
        else:
            self._panel.say(weights)

    def _failed(self, error: Exception) -> None:
        self._rest()
        self._panel.say(told(error), "error")

    def _rest(self) -> None:
        self._minutes.setEnabled(True)
        self._panel.setIdle()
        self._panel.setReady("" if self._file is not None else "Save the family first: the weights go beside it.")
        button = self._panel.findChild(QPushButton, "adaptation_run")
        if button is not None and self._file is not None and _folder(self._file).exists():
            button.setText("Continue adaptation")


def _folder(file: Path) -> Path:
    """Where a run keeps its checkpoint, as `training.adapt_family` has it."""
    return file.with_name(file.name.removesuffix(".safetensors") + ".adaptation")


def _steps(file: Path, minutes: int, stop: threading.Event) -> Generator[Progress | TrainingReport, None, Path | str]:
    """Train until the time is over or the event is set; return the file of the weights, or why there is none.

    The work is counted in seconds: those that have gone, and those that the run will take.
    """
    training = _training(file, minutes)
    started: float | None = None
    samples, pace = 0, 0.0
    for step in training:
        # The time is counted from the first step on; what precedes it is preparation.
        started = time.monotonic() if started is None else started
        if isinstance(step, Progress):
            elapsed = time.monotonic() - started
            rest = pace * (step.total - step.done)
            whole = int(max(min(60 * minutes, elapsed + rest), elapsed)) + 1
            yield Progress("Adapting the network", int(elapsed), whole)
        else:
            samples, pace = step.samples, step.seconds / max(step.samples, 1)
            yield step
        if stop.is_set():
            # Writes the checkpoint; here and now, so that the next run finds it.
            training.close()
            return f"Stopped after {samples} samples. The next run goes on from here."
    from napari_deepblur.io.adapted_weights import adapted_path

    return adapted_path(file, "identification")


def _training(file: Path, minutes: int) -> Generator[Progress | TrainingReport, None, Path]:
    """Start the training, on the first device that works."""
    from napari_deepblur.devices import resolve_device
    from napari_deepblur.training.adapt_family import adapt_steps

    return adapt_steps(file, device=resolve_device("auto"), minutes=float(minutes))


def _in_words(rows: Rows) -> str:
    parts = [
        f"{float(row['psf_snr_db']):.1f} dB at {row['noise']} noise ({float(row['mean_psf_row_db']):.1f})"
        for row in rows
        if "psf_snr_db" in row and "mean_psf_row_db" in row
    ]
    return f"PSFs of unseen images: {', '.join(parts)}; in brackets the mean PSF." if parts else ""
