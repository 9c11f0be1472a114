"""The window of a batch: a row for each image, how far it is, and Cancel, which keeps what is done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QCloseEvent, QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_deepblur.batch.queue import Began, Ended, Part
from napari_deepblur.errors import DeepblurError
from napari_deepblur.progress import Progress
from napari_deepblur.widgets.colours import message_style, theme_colours
from napari_deepblur.widgets.deblur.batch import FilesBatch, LayersBatch, State, layers_of
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.notice import SIGNS, Notice
from napari_deepblur.widgets.number_box import WholeBox, commit
from napari_deepblur.widgets.run_panel import RunPanel, in_words

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.widgets.colours import Colours
    from napari_deepblur.widgets.deblur.batch import Batch
    from napari_deepblur.widgets.deblur.result_book import ResultBook
    from napari_deepblur.widgets.deblur.wanted import Ask, AskForms

_FOLDER = "deblurred"
_REPORTS = {"CSV table": "report.csv", "JSON": "report.json", "none": None}
_WIDTH, _HEIGHT = 40, 28
"""Of the window, in heights of the letters."""


class BatchDialog(QDialog):
    """Deblur many images with the settings of the dock.

    Parameters
    ----------
    viewer
        The napari viewer.
    ask
        Returns what a run would be given now.
    forms
        Returns what the forms describe, for files: no image needs to be open.
    book
        Keeps what is found of layers.
    parent
        The dock.
    """

    def __init__(self, viewer: Viewer, ask: Ask, forms: AskForms, book: ResultBook, parent: QWidget) -> None:
        super().__init__(parent)
        self._viewer, self._ask, self._forms, self._book = viewer, ask, forms, book
        self._files: list[Path] = []
        self._batch: Batch | None = None
        self._counts: dict[str, int] = {}
        self._colours = theme_colours("dark")
        self._job = Job(self, "Deblur, batch")
        self._about = Notice(self)
        self._about.setObjectName("batch_about")
        self._folder = QLineEdit(self)
        self._folder.setObjectName("batch_folder")
        self._folder.setToolTip("Folder of the results; it is made where it is missing.")
        self._folder.setAccessibleName("Folder of the results")
        choose = QPushButton("Choose…", self)
        choose.setObjectName("batch_choose")
        choose.setToolTip("Choose the folder of the results.")
        self._report = QComboBox(self)
        self._report.setObjectName("batch_report")
        self._report.setToolTip(
            "A row for each file, in the folder of the results: coefficients, errors, noise, verdict, seconds, hashes."
        )
        for words, name in _REPORTS.items():
            self._report.addItem(words, name)
        self._again = QCheckBox("Repeat what is up to date", self)
        self._again.setObjectName("batch_again")
        self._again.setToolTip("Also make results again that are there, whole, and made of the same.")
        self._processes = WholeBox(self)
        self._processes.setObjectName("batch_processes")
        self._processes.setRange(1, os.cpu_count() or 1)
        self._processes.setToolTip(
            "Files that are worked on at once, each in a process of its own with its share of the cores (a count, no "
            "unit). More are quicker for many small images; each takes memory of its own."
        )
        self._of_files = QWidget(self)
        form, row = QFormLayout(self._of_files), QHBoxLayout()
        form.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._folder)
        row.addWidget(choose)
        form.addRow("Results", row)
        form.addRow("Report", self._report)
        form.addRow("Processes", self._processes)
        form.addRow(self._again)
        self._table = QTableWidget(0, 2, self)
        self._table.setObjectName("batch_table")
        self._table.setAccessibleName("Images and what became of them")
        self._table.setToolTip("Each image, and what became of it.")
        self._table.setHorizontalHeaderLabels(["Image", "State"])
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setTabKeyNavigation(False)
        for header, column in ((self._table.horizontalHeader(), 1), (self._table.verticalHeader(), -1)):
            assert header is not None
            header.setVisible(column >= 0)
            if column >= 0:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self._save = QPushButton("Save report…", self)
        self._save.setObjectName("batch_save")
        self._save.setToolTip("Write a row for each layer that is done, CSV or JSON.")
        self._panel = RunPanel(self, "Start", "Deblur one after another.", ("many", "many images"))
        layout = QVBoxLayout(self)
        for part in (self._about, self._of_files, self._table, self._save, self._panel):
            layout.addWidget(part)
        choose.clicked.connect(self._choose)
        self._save.clicked.connect(self._save_report)
        self._panel.runRequested.connect(self._start)
        self._panel.cancelRequested.connect(self._cancel)
        self._job.progressed.connect(self._stepped)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._job.cancelled.connect(self._cancelled)
        letter = self.fontMetrics().height()
        self.resize(_WIDTH * letter, _HEIGHT * letter)

    def isRunning(self) -> bool:
        """Tell whether a batch is under way."""
        return self._job.is_running()

    def openFiles(self, files: list[Path]) -> None:
        """Show files that are to be deblurred."""
        if self.isRunning() or not files:
            self._raise()
            return
        self._files = files
        self._folder.setText(str(files[0].parent / _FOLDER))
        self._offer("Deblur files", [file.name for file in files], "file")

    def openLayers(self) -> None:
        """Show the layers that are to be deblurred."""
        if not self.isRunning():
            self._files = []
            self._offer("Deblur layers", [str(layer.name) for layer in layers_of(self._viewer)], "layer")
        self._raise()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._colours = colours
        self.setStyleSheet(message_style(colours))

    def cancel(self) -> None:
        """Stop; what is done stays."""
        self._job.cancel()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop, too."""
        self.cancel()
        super().closeEvent(event)

    def reject(self) -> None:
        """Stop where the user presses Escape, too."""
        self.cancel()
        super().reject()

    def _raise(self) -> None:
        self.show()
        self.raise_()

    def _offer(self, title: str, names: list[str], what: str) -> None:
        self._batch = None
        self.setWindowTitle(title)
        self._of_files.setVisible(what == "file")
        self._save.setVisible(what == "layer")
        self._save.setEnabled(False)
        self._about.say(
            f"With the settings of the dock. Optics that were typed, or are of a preset, count for every {what}; the "
            f"rest each {what} says itself, and what it does not say is assumed."
        )
        self._panel.say("")
        self._panel.setReady("" if names else f"There is no {what} to deblur.")
        self._list(names)
        self._raise()

    def _list(self, names: list[str]) -> None:
        self._table.setRowCount(len(names))
        for row, name in enumerate(names):
            item = QTableWidgetItem(name)
            item.setToolTip(name)
            self._table.setItem(row, 0, item)
            self._set_state(row, State("waiting"))

    def _set_state(self, row: int, state: State) -> None:
        item = QTableWidgetItem(f"{SIGNS[state.level]}{state.kind}{state.more}")
        item.setToolTip(f"{state.kind}{state.more}")
        if state.level != "note":
            item.setForeground(QColor(getattr(self._colours, state.level)))
        self._table.setItem(row, 1, item)

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the results", self._folder.text())
        if chosen:
            self._folder.setText(chosen)

    def _start(self) -> None:
        commit(self)
        try:
            wanted, forms = (None, self._forms()) if self._files else (self._ask(), None)
            if forms is not None:
                folder = Path(self._folder.text()).expanduser()
                how = self._report.currentData(), forms, self._again.isChecked(), self._processes.value()
                self._batch = FilesBatch(self._files, folder, *how)
            elif wanted is not None:
                self._batch = LayersBatch(self._viewer, wanted, self._book)
            else:
                self._panel.say("The dock has nothing to run now: its forms say why, or a run goes on there.", "error")
                return
        except DeepblurError as error:
            self._panel.say(str(error), "error")
            return
        self._counts = dict.fromkeys(("done", "skipped", "failed"), 0)
        self._list(self._batch.names())
        self._of_files.setEnabled(False)
        self._save.setEnabled(False)
        self._panel.setRunning("Stop; what is done stays.")
        self._job.start(self._batch.steps)

    def _cancel(self) -> None:
        self._panel.setCancelling()
        self._job.cancel()

    def _stepped(self, step: Progress | Began | Part | Ended[Any] | None) -> None:
        batch = self._batch
        if isinstance(step, Progress):
            self._panel.setProgress(step)
        elif batch is not None and isinstance(step, Began):
            self._set_state(step.number, State("running"))
            self._table.scrollToItem(self._table.item(step.number, 0))
        elif batch is not None and isinstance(step, Part):
            batch.show(step)
        elif batch is not None and isinstance(step, Ended):
            state = batch.end(step)
            self._counts[state.kind] += 1
            self._set_state(step.number, state)

    def _succeeded(self, _outcome: object) -> None:
        self._rest(f"Ended after {in_words(self._panel.elapsed())}: ")

    def _cancelled(self) -> None:
        if self._batch is not None:
            self._batch.give_up()
        for row in range(self._table.rowCount()):
            item = self._table.item(row, 1)
            if item is not None and item.text() in ("waiting", "running"):
                self._set_state(row, State("cancelled"))
        self._rest("Cancelled; what is done stays: ")

    def _failed(self, error: Exception) -> None:
        if self._batch is not None:
            self._batch.give_up()
        self._rest(f"{told(error)} ", stopped=True)

    def _rest(self, begin: str, stopped: bool = False) -> None:
        batch = self._batch
        self._of_files.setEnabled(True)
        self._save.setEnabled(any(self._counts.values()))
        self._panel.setIdle()
        counts = ", ".join(f"{count} {name}" for name, count in self._counts.items() if count) or "none done"
        where = "" if batch is None else f" {batch.where()}"
        bad = self._counts.get("failed", 0) > 0
        self._panel.say(f"{begin}{counts}.{where}", "error" if stopped else "warning" if bad else "good")

    def _save_report(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Report", "report.csv", "Reports (*.csv *.json)")
        if not chosen or not isinstance(self._batch, LayersBatch):
            return
        path = Path(chosen) if Path(chosen).suffix else Path(f"{chosen}.csv")
        try:
            self._batch.write_report(path)
        except DeepblurError as error:
            self._panel.say(str(error), "error")
        else:
            self._panel.say(f"Wrote {path}.", "good")


def chosen_files(parent: QWidget) -> list[Path]:
    """Ask for image files."""
    chosen, _ = QFileDialog.getOpenFileNames(
        parent, "Images to deblur", "", "Images (*.tif *.tiff *.png *.jpg *.jpeg *.czi *.lif *.nd2);;All files (*)"
    )
    return [Path(file) for file in chosen]
