"""What was found: the verdict on the result, the coefficients, the quality of the PSF and its profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_deepblur.resolution import RESOLUTION_CAVEAT
from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.history_plot import HistoryPlot
from napari_deepblur.widgets.deblur.psf_profiles import PsfProfiles
from napari_deepblur.widgets.deblur.psf_sections import PsfSections
from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari_deepblur.noise import PoissonGaussianNoise
    from napari_deepblur.widgets.colours import Colours
    from napari_deepblur.widgets.deblur.findings import Findings
    from napari_deepblur.widgets.notice import Level

_LEVELS: dict[str, Level] = {"green": "good", "yellow": "warning", "red": "error"}
_HEIGHT = 8
"""Height of a plot, in heights of the font."""


class ResultsPanel(QWidget):
    """The verdict as a line, the coefficients as bars, and curves for those who open them.

    Parameters
    ----------
    parent
        Parent widget.
    """

    residualRequested = Signal()
    """The residual shall be shown as a layer."""
    blendChanged = Signal(float)
    """How much of the result is seen over the image, from 0 (before) to 1 (after)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._findings: Findings | None = None
        self._title, self._verdict, self._rests, self._numbers, self._resolution = (Notice(self) for _ in range(5))
        self._title.setObjectName("result_name")
        self._title.setToolTip("The layer that is described: the one that is selected in the list of layers.")
        self._rests.setObjectName("rests_on")
        self._verdict.setObjectName("verdict")
        self._verdict.setToolTip(
            "How probable it is that the blur is wrong, learned from simulated images; of a blur that was given, "
            "what the result, blurred again, leaves of the image, which does not prove that it is right."
        )
        self._numbers.setObjectName("psf_metrics")
        self._resolution.setObjectName("resolution")
        self._resolution.setToolTip(RESOLUTION_CAVEAT)
        self._open = QToolButton(self)
        self._open.setObjectName("profiles")
        self._open.setText("Profiles")
        self._open.setToolTip("Profiles of the PSF, and its transfer function.")
        self._open.setCheckable(True)
        self._open.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._residual = QPushButton("Show residual", self)
        self._residual.setObjectName("residual")
        self._residual.setToolTip("Add the image less the blurred result as a layer, in the units of the image.")
        self._residual.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._profiles = PsfProfiles(self)
        self._coefficients = CoefficientsPlot(self)
        self._coefficients.setObjectName("coefficients_plot")
        self._history = HistoryPlot(self)
        self._remark = Notice(self)
        self._remark.setObjectName("volume_remark")
        self._sections = PsfSections(self)
        self._noise = Notice(self)
        self._noise.setObjectName("noise_found")
        self._blend = QSlider(Qt.Orientation.Horizontal, self)
        self._blend.setObjectName("before_after")
        self._blend.setRange(0, 100)
        self._blend.setToolTip(
            "Left: the image as it was. Right: the result. Sets the opacity of the result in percent."
        )
        self._compare = QWidget(self)
        comparison = QHBoxLayout(self._compare)
        comparison.setContentsMargins(0, 0, 0, 0)
        for part in (QLabel("Before", self), self._blend, QLabel("After", self)):
            comparison.addWidget(part)
        self._blend.valueChanged.connect(self._blended)
        buttons = QHBoxLayout()
        buttons.addWidget(self._open)
        buttons.addStretch(1)
        buttons.addWidget(self._residual)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._title)
        layout.addWidget(self._verdict)
        layout.addWidget(self._rests)
        layout.addWidget(self._compare)
        layout.addWidget(self._coefficients)
        layout.addWidget(self._history)
        layout.addWidget(self._remark)
        layout.addWidget(self._noise)
        layout.addWidget(self._numbers)
        layout.addWidget(self._resolution)
        layout.addLayout(buttons)
        layout.addWidget(self._sections)
        layout.addWidget(self._profiles)
        self._open.toggled.connect(self._arrange)
        self._residual.clicked.connect(self.residualRequested)
        self._arrange()
        self.hide()

    def value(self) -> Findings | None:
        """Return what is described."""
        return self._findings

    def setValue(self, findings: Findings | None, comparable: bool = False, outdated: bool = False) -> None:
        """Describe a result; None hides the panel.

        Parameters
        ----------
        findings
            Of a run, of a record, or of a preview.
        comparable
            Whether the image that it is of is there to be compared with.
        outdated
            Whether it is a preview that is being made again.
        """
        self._findings = findings
        verdict = None if findings is None else findings.verdict
        if findings is None:
            self._title.clear()
        else:
            of = f"Preview: {findings.name}" if findings.is_preview else findings.name
            self._title.say(f"{of} (outdated)" if outdated else of, "note")
        if findings is None or verdict is None:
            self._verdict.clear()
        else:
            frame = f"The worst frame, {findings.verdict_of}: " if findings.verdict_of else ""
            words = f"{frame}{verdict.words}"
            self._verdict.say(words, "note" if outdated else _LEVELS[verdict.light])
        self._rests.say("" if findings is None else findings.rests_on, "warning")
        numbers = None if findings is None else findings.numbers
        self._numbers.say("" if numbers is None else numbers.words())
        resolution = None if findings is None else findings.resolution
        self._resolution.say("" if resolution is None else resolution.words)
        self._remark.say("" if findings is None else findings.remark)
        self._history.setValue(None if findings is None else findings.history)
        found = None if findings is None else findings.identification
        self._coefficients.setValue(found)
        self._coefficients.setVisible(found is not None)
        self._noise.say("" if found is None else _noise_in_words(found.noise))
        self._residual.setVisible(findings is not None and findings.has_residual)
        self._compare.setVisible(comparable)
        with QSignalBlocker(self._blend):
            self._blend.setValue(100)
        self.setVisible(findings is not None)
        self._arrange()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        for drawing in (self._coefficients, self._history, self._sections, self._profiles):
            drawing.setColours(colours)

    def _blended(self, percent: int) -> None:
        self.blendChanged.emit(percent / 100)

    def _has_profiles(self) -> bool:
        found = self._findings
        return found is not None and (found.metrics is not None or found.volume is not None)

    def _arrange(self) -> None:
        shown = self._open.isChecked() and self._has_profiles()
        self._open.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._open.setVisible(self._has_profiles())
        found = self._findings if shown else None
        self._profiles.setValue(None if found is None else found.metrics)
        self._sections.setValue(None if found is None else found.volume)


def _noise_in_words(noise: PoissonGaussianNoise) -> str:
    return f"Noise: alpha = {noise.alpha:.3g}, beta = {noise.beta:.3g} (image units)."
