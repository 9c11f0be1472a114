"""What a calibration found, in words and curves, and what can be done with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_deepblur.widgets.calibration.answers import Answers, button_grid
from napari_deepblur.widgets.calibration.output import SavedFile, use_in_deblur, write_report, write_table
from napari_deepblur.widgets.calibration.plot import CalibrationPlot
from napari_deepblur.widgets.layers import shown_name
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.project import project_version

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_deepblur.calibration import Calibration, Finding
    from napari_deepblur.widgets.calibration.output import Keeper
    from napari_deepblur.widgets.colours import Colours

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
        self._file = SavedFile(self._keep)
        self._calibration: Calibration | None = None
        self._summary = Notice(self)
        self._summary.setObjectName("bead_summary")
        self._findings: tuple[Finding, ...] = ()
        self._plot = CalibrationPlot(self)
        self._plot.setObjectName("calibration_plot")
        page = "Write a page (HTML) with verdict, PSFs, widths over the field and numbers; a browser prints it."
        train = "Train the identification network for this microscope: minutes on a GPU."
        buttons = (
            ("use", "Use in Deblur", "Choose this microscope's blurs in the Deblur dock.", self._use),
            ("save", "Save family…", "Write the family of blurs, to be used from now on.", self._file.save),
            ("table", "Export beads…", "Write the table of all beads as CSV.", self._export_table),
            ("report", "Save report…", page, self._save_report),
            ("adapt", "Adapt network…", train, self._adapt),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._summary)
        self._answers = Answers(self, layout, "calibration_finding", _MOST_FINDINGS)
        layout.addWidget(self._plot)
        layout.addLayout(button_grid(self, buttons))
        self.hide()

    def value(self) -> Calibration | None:
        """Return what is shown."""
        return self._calibration

    def findings(self) -> tuple[Finding, ...]:
        """Return what is said of it."""
        return self._findings

    def setValue(self, calibration: Calibration | None, findings: tuple[Finding, ...] = ()) -> None:
        """Show a calibration, and what there is to say of it; None hides everything."""
        self._calibration, self._findings = calibration, findings
        self._file.forget()
        self._answers.say(findings)
        self._plot.setValue(calibration)
        self._summary.say(_in_words(calibration) if calibration is not None else "")
        self.setVisible(calibration is not None)

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._plot.setColours(colours)

    def _keep(self) -> Path | None:
        """Ask for a file and write the family to it."""
        from napari_deepblur.io.families import save_family

        found = self._calibration
        if found is None:
            return None
        what = "Save the family of blurs", "microscope.safetensors", "Families (*.safetensors)"
        return self._keeper.keep(*what, partial(save_family, found.family), "the family")

    def _use(self) -> None:
        """Choose the family in the Deblur dock, which is opened if it is not; it needs a file, which settings name."""
        found, file = self._calibration, self._file.needed()
        if file is not None and found is not None:
            use_in_deblur(self._viewer, file, found.microscope)
            self._keeper.say(f"{shown_name(file.stem)} is chosen in the Deblur dock.")

    def _adapt(self) -> None:
        """Offer to adapt the network; its weights need the family's file to lie beside."""
        file = self._file.needed()
        if file is not None:
            self.adaptRequested.emit(str(file))

    def _export_table(self) -> None:
        found = self._calibration
        if found is not None:
            what = "Export the table of beads", "beads.csv", "Tables (*.csv)"
            self._keeper.keep(*what, partial(write_table, found.beads), f"{len(found.beads)} beads")

    def _save_report(self) -> None:
        from napari_deepblur.calibration.report import report_html

        found = self._calibration
        if found is not None:
            page = report_html(found, self._findings, self._file.title("Calibration"), project_version())
            what = "Save the report", "calibration.html", "Pages (*.html)"
            self._keeper.keep(*what, partial(write_report, page), "the report")


def _in_words(found: Calibration) -> str:
    counts = found.beads.counts()
    kept = counts.pop("kept")
    rejected = "; ".join(f"{number} {reason}" for reason, number in counts.items())
    return f"{kept} of {len(found.beads)} beads used" + (f". Rejected: {rejected}." if rejected else ".")
