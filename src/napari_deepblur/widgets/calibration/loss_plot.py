"""The loss of a training run, as it falls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_deepblur.widgets.colours import Colours, theme_colours
from napari_deepblur.widgets.plots import colour_plot, still_plot

_HEIGHT = 8
"""Height of the plot, in heights of the font."""


class LossPlot(QWidget):
    """One curve of loss against samples.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: list[tuple[float, float]] = []
        self._plot = still_plot(self, "loss", "Mean loss of the last hundred steps against thousands of samples.")
        self._plot.getAxis("left").setWidth(46)
        self._plot.setFixedHeight(round(_HEIGHT * self.fontMetrics().height()))
        self._curve = pg.PlotDataItem()
        self._plot.addItem(self._curve)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setColours(theme_colours("dark"))

    def value(self) -> list[tuple[float, float]]:
        """Return the points (samples, loss)."""
        return list(self._points)

    def setValue(self, points: Sequence[tuple[float, float]]) -> None:
        """Show these points."""
        self._points = [point for point in points if math.isfinite(point[1])]
        self._curve.setData([samples / 1000 for samples, _ in self._points], [loss for _, loss in self._points])

    def add(self, samples: float, loss: float) -> None:
        """Append a point; one without a loss is left out."""
        self.setValue([*self._points, (samples, loss)])

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        colour_plot(self._plot, colours)
        self._plot.setTitle("loss against thousands of samples", color=colours.text, size="9pt")
        self._curve.setPen(pg.mkPen(colours.accent, width=1.5))
