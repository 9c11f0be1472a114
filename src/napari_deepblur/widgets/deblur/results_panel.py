"""What was found: the verdict on the result, the coefficients, the quality of the PSF and its profiles."""

from __future__ import annotations

import warnings

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
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

from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope
from napari_deepblur.optics.psf_metrics import PsfMetrics, measure_psf
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.series import History
from napari_deepblur.widgets.colours import Colours, theme_colours
from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.history_plot import HistoryPlot
from napari_deepblur.widgets.notice import Level, Notice
from napari_deepblur.widgets.plots import colour_plot, still_plot

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
        self._result: Deblurring | None = None
        self._metrics: PsfMetrics | None = None
        self._colours = theme_colours("dark")
        self._verdict, self._numbers = Notice(self), Notice(self)
        self._verdict.setObjectName("verdict")
        self._verdict.setToolTip(
            "The result is blurred again and taken from the image. A blur that is too small explains every image: this "
            "does not prove that the blur is right."
        )
        self._numbers.setObjectName("psf_metrics")
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
        self._psf = still_plot(
            self,
            "psf_profiles",
            "Profiles of the PSF through its peak against µm: horizontal solid, vertical dashed, without aberrations "
            "dotted.",
        )
        self._transfer = still_plot(
            self,
            "transfer",
            "Modulus of the transfer function against cycles/µm, mean over directions; dotted without aberrations.\n"
            "The line is the limit of the optics, 2 NA / wavelength.",
        )
        self._coefficients = CoefficientsPlot(self)
        self._coefficients.setObjectName("coefficients_plot")
        self._history = HistoryPlot(self)
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
        layout.addWidget(self._verdict)
        layout.addWidget(self._compare)
        layout.addWidget(self._coefficients)
        layout.addWidget(self._history)
        layout.addWidget(self._noise)
        layout.addWidget(self._numbers)
        layout.addLayout(buttons)
        layout.addWidget(self._psf)
        layout.addWidget(self._transfer)
        self._open.toggled.connect(self._arrange)
        self._residual.clicked.connect(self.residualRequested)
        self._arrange()
        self.hide()

    def value(self) -> Deblurring | None:
        """Return the result that is described."""
        return self._result

    def setHistory(self, history: History | None) -> None:
        """Show the coefficients of a series frame by frame; None, or a single frame, shows nothing."""
        self._history.setValue(history)

    def setValue(self, result: Deblurring | None, is_layer: bool = False, has_residual: bool = False) -> None:
        """Describe a result; None hides the panel.

        Parameters
        ----------
        result
            Of a run or of a preview.
        is_layer
            Whether it is of a run, and so a layer that can be compared with the image.
        has_residual
            Whether the residual can be shown.
        """
        self._result = result
        self._metrics = None if result is None else _metrics(result)
        verdict = None if result is None else result.verdict
        if verdict is None:
            self._verdict.clear()
        else:
            self._verdict.say(verdict.words, _LEVELS[verdict.light])
        self._numbers.say("" if self._metrics is None else _in_numbers(self._metrics))
        self.setHistory(None)
        found = None if result is None else result.identification
        self._coefficients.setValue(found)
        self._coefficients.setVisible(found is not None)
        self._noise.say("" if found is None else _noise_in_words(found.noise))
        self._residual.setVisible(has_residual)
        self._compare.setVisible(is_layer)
        with QSignalBlocker(self._blend):
            self._blend.setValue(100)
        self.setVisible(result is not None)
        self._arrange()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._colours = colours
        self._coefficients.setColours(colours)
        self._history.setColours(colours)
        self._draw()

    def _blended(self, percent: int) -> None:
        self.blendChanged.emit(percent / 100)

    def _arrange(self) -> None:
        shown = self._open.isChecked() and self._metrics is not None
        self._open.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._open.setVisible(self._metrics is not None)
        for plot in (self._psf, self._transfer):
            plot.setVisible(shown)
        self._draw()

    def _draw(self) -> None:
        for plot in (self._psf, self._transfer):
            plot.clear()
            colour_plot(plot, self._colours)
            plot.setFixedHeight(round(_HEIGHT * self.fontMetrics().height()))
        metrics, result = self._metrics, self._result
        if metrics is None or result is None or result.identification is None or not self._open.isChecked():
            return
        accent, faint = self._colours.accent, self._colours.text
        for values, style, colour in (
            (metrics.profiles[1], Qt.PenStyle.SolidLine, accent),
            (metrics.profiles[0], Qt.PenStyle.DashLine, accent),
            (metrics.ideal_profile, Qt.PenStyle.DotLine, faint),
        ):
            _curve(self._psf, metrics.distance_um, values / np.nanmax(metrics.ideal_profile), colour, style)
        near = 4 * max(*metrics.fwhm_um, *metrics.ideal_fwhm_um)
        self._psf.setXRange(-near, near, padding=0)
        self._psf.setYRange(0, 1, padding=0.02)
        self._psf.setTitle("PSF against µm", color=self._colours.text, size="9pt")
        within = metrics.frequency < 1.1 * metrics.limit
        _curve(self._transfer, metrics.frequency[within], metrics.transfer[within], accent, Qt.PenStyle.SolidLine)
        _curve(self._transfer, metrics.frequency[within], metrics.ideal_transfer[within], faint, Qt.PenStyle.DotLine)
        self._transfer.addItem(pg.InfiniteLine(pos=metrics.limit, angle=90, pen=pg.mkPen(self._colours.faint)))
        self._transfer.setXRange(0, float(metrics.frequency[within][-1]), padding=0)
        self._transfer.setYRange(0, 1, padding=0.02)
        self._transfer.setTitle("transfer function against cycles/µm", color=self._colours.text, size="9pt")


def _metrics(result: Deblurring) -> PsfMetrics | None:
    """Measure the PSF that was found, with the optics that were stated."""
    found = result.identification
    if found is None:
        return None
    with warnings.catch_warnings():
        # The form has said so.
        warnings.simplefilter("ignore", UndersamplingWarning)
        microscope = Microscope.from_record(result.settings["settings"]["microscope"] or {})
        return measure_psf(found.psf, microscope)


def _in_numbers(metrics: PsfMetrics) -> str:
    rows, columns = metrics.fwhm_um
    ideal = sum(metrics.ideal_fwhm_um) / 2
    return (
        f"Strehl ratio {metrics.strehl:.2f}; width at half maximum {columns:.3f} x {rows:.3f} µm (columns x rows), "
        f"{ideal:.3f} µm without aberrations."
    )


def _noise_in_words(noise: PoissonGaussianNoise) -> str:
    return f"Noise: alpha = {noise.alpha:.3g}, beta = {noise.beta:.3g} (image units)."


def _curve(
    plot: pg.PlotWidget, x: NDArray[np.float64], y: NDArray[np.float64], colour: str, style: Qt.PenStyle
) -> None:
    plot.addItem(pg.PlotDataItem(x, y, connect="finite", pen=pg.mkPen(colour, width=1.5, style=style)))
