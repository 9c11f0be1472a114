"""What a calibration found, in words and curves, and what can be done with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.calibration import Calibration, Finding, report_html
from napari_deepblur.io.families import save_family
from napari_deepblur.widgets.calibration.output import Keeper, use_in_deblur, write_report, write_table
from napari_deepblur.widgets.calibration.plot import CalibrationPlot
from napari_deepblur.widgets.colours import Colours
from napari_deepblur.widgets.layers import shown_name
from napari_deepblur.widgets.notice import Level, Notice
from napari_deepblur.widgets.project import project_version

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

_LEVELS: dict[str, Level] = {"good": "good", "warning": "warning", "bad": "error"}
_MOST_FINDINGS = 6


class CalibrationResults(QWidget):
    """Summary of the bead table, the curves, and the buttons that need a calibration; hidden while there is none.

    Parameters
    ----------
    viewer
        Whose Deblur dock may be given the family.
    keeper
        Writes files, and says so.
    parent
        Parent widget.
    """

    adaptRequested = Signal(str)
    """The network shall be adapted to the family in this file."""

    def __init__(self, viewer: Viewer, keeper: Keeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._keeper = viewer, keeper
        self._file: Path | None = None
        self._calibration: Calibration | None = None
        self._summary = Notice(self)
        self._summary.setObjectName("bead_summary")
        self._findings: tuple[Finding, ...] = ()
        # Most have six.
        self._answers = [Notice(self) for _ in range(_MOST_FINDINGS)]
        self._plot = CalibrationPlot(self)
        self._plot.setObjectName("calibration_plot")
        buttons = QGridLayout()
        for place, (name, title, tooltip, action) in enumerate(
            (
                ("use", "Use in Deblur", "Choose this microscope's blurs in the Deblur dock.", self._use),
                ("save", "Save family…", "Write the family of blurs, to be used from now on.", self._save),
                ("table", "Export beads…", "Write the table of all beads as CSV.", self._export_table),
                (
                    "report",
                    "Save report…",
                    "Write a page (HTML) with verdict, PSFs, widths over the field and numbers; a browser prints it.",
                    self._save_report,
                ),
                (
                    "adapt",
                    "Adapt network…",
                    "Train the identification network for this microscope: minutes on a GPU.",
                    self._adapt,
                ),
            )
        ):
            button = QPushButton(title, self)
            button.setObjectName(name)
            button.setToolTip(tooltip)
            button.clicked.connect(action)
            buttons.addWidget(button, place // 2, place % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._summary)
        for place, answer in enumerate(self._answers):
            answer.setObjectName(f"calibration_finding_{place}")
            layout.addWidget(answer)
        layout.addWidget(self._plot)
        layout.addLayout(buttons)
        self.hide()

    def value(self) -> Calibration | None:
        """Return what is shown."""
        return self._calibration

    def findings(self) -> tuple[Finding, ...]:
        """Return what is said of it."""
        return self._findings

    def setValue(self, calibration: Calibration | None, findings: tuple[Finding, ...] = ()) -> None:
        """Show a calibration, and what there is to say of it; None hides everything."""
        self._calibration, self._findings, self._file = calibration, findings, None
        for place, answer in enumerate(self._answers):
            if place < len(findings):
                answer.say(f"{findings[place].title}: {findings[place].words}", _LEVELS[findings[place].level])
            else:
                answer.clear()
        self._plot.setValue(calibration)
        self._summary.say(_in_words(calibration) if calibration is not None else "")
        self.setVisible(calibration is not None)

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._plot.setColours(colours)

    def _save(self) -> None:
        """Ask for a file and write the family to it."""
        found = self._calibration
        if found is not None:
            what = "Save the family of blurs", "microscope.safetensors", "Families (*.safetensors)"
            self._file = self._keeper.keep(*what, partial(save_family, found.family), "the family") or self._file

    def _saved(self) -> Path | None:
        """Return the file of the family, after asking for one if there is none; None if there is none then."""
        if self._file is None or not self._file.exists():
            self._file = None
            self._save()
        return self._file

    def _use(self) -> None:
        """Choose the family in the Deblur dock, which is opened if it is not; it needs a file, which settings name."""
        found, file = self._calibration, self._saved()
        if file is not None and found is not None:
            use_in_deblur(self._viewer, file, found.microscope)
            self._keeper.say(f"{shown_name(file.stem)} is chosen in the Deblur dock.")

    def _adapt(self) -> None:
        """Offer to adapt the network; its weights need the family's file to lie beside."""
        file = self._saved()
        if file is not None:
            self.adaptRequested.emit(str(file))

    def _export_table(self) -> None:
        found = self._calibration
        if found is not None:
            what = "Export the table of beads", "beads.csv", "Tables (*.csv)"
            self._keeper.keep(*what, partial(write_table, found.beads), f"{len(found.beads)} beads")

    def _save_report(self) -> None:
        found = self._calibration
        if found is not None:
            title = "Calibration" if self._file is None else self._file.stem
            page = report_html(found, self._findings, title, project_version())
            what = "Save the report", "calibration.html", "Pages (*.html)"
            self._keeper.keep(*what, partial(write_report, page), "the report")


def _in_words(found: Calibration) -> str:
    counts = found.beads.counts()
    kept = counts.pop("kept")
    rejected = "; ".join(f"{number} {reason}" for reason, number in counts.items())
    return f"{kept} of {len(found.beads)} beads used" + (f". Rejected: {rejected}." if rejected else ".")
