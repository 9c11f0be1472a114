"""What a calibration found, in words and curves, and what can be done with it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.calibration import Calibration, Finding
from napari_deepblur.widgets.calibration.plot import CalibrationPlot
from napari_deepblur.widgets.colours import Colours
from napari_deepblur.widgets.notice import Level, Notice

_LEVELS: dict[str, Level] = {"good": "good", "warning": "warning", "bad": "error"}
_MOST_FINDINGS = 6


class CalibrationResults(QWidget):
    """Summary of the bead table, the curves, and the buttons that need a calibration; hidden while there is none.

    Parameters
    ----------
    parent
        Parent widget.
    """

    useRequested = Signal()
    saveRequested = Signal()
    tableRequested = Signal()
    reportRequested = Signal()
    adaptRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._calibration: Calibration | None = None
        self._summary = Notice(self)
        self._summary.setObjectName("bead_summary")
        self._findings: tuple[Finding, ...] = ()
        # Most have six.
        self._answers = [Notice(self) for _ in range(_MOST_FINDINGS)]
        self._plot = CalibrationPlot(self)
        self._plot.setObjectName("calibration_plot")
        buttons = QGridLayout()
        for place, (name, title, tooltip, signal) in enumerate(
            (
                ("use", "Use in Deblur", "Choose this microscope's blurs in the Deblur dock.", self.useRequested),
                ("save", "Save family…", "Write the family of blurs, to be used from now on.", self.saveRequested),
                ("table", "Export beads…", "Write the table of all beads as CSV.", self.tableRequested),
                (
                    "report",
                    "Save report…",
                    "Write a page (HTML) with verdict, PSFs, widths over the field and numbers; a browser prints it.",
                    self.reportRequested,
                ),
                (
                    "adapt",
                    "Adapt network…",
                    "Train the identification network for this microscope: minutes on a GPU.",
                    self.adaptRequested,
                ),
            )
        ):
            button = QPushButton(title, self)
            button.setObjectName(name)
            button.setToolTip(tooltip)
            button.clicked.connect(signal)
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
        self._calibration, self._findings = calibration, findings
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


def _in_words(found: Calibration) -> str:
    counts = found.beads.counts()
    kept = counts.pop("kept")
    rejected = "; ".join(f"{number} {reason}" for reason, number in counts.items())
    return f"{kept} of {len(found.beads)} beads used" + (f". Rejected: {rejected}." if rejected else ".")
