"""How many eigen-PSFs and maps a calibration needed: singular values and errors at beads that were left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt

from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.plots import Drawing, empty_plot, still_plot

if TYPE_CHECKING:
    from napari_deepblur.calibration import Calibration  # noqa: F401  # the text below is its name

if TYPE_CHECKING:
    pass

_HEIGHT = 9
"""Height of a plot, in heights of the font."""

_FEW_DECADES = 1.8
"""An axis that is shorter also has 2 and 5 beside the powers of ten."""

_SMALLEST = 1e-8
"""Below it nothing is drawn: a logarithm has no zero."""


class CalibrationPlot(Drawing["Calibration"]):
    """Two curves below one another, both logarithmic; what was chosen is marked by a larger dot.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def _build(self) -> None:
        self._singular = still_plot(self, "singular_values", "Of all PSFs of all planes, relative to the largest.")
        self._errors = still_plot(
            self,
            "hold_out_errors",
            "Relative squared error of PSFs at beads that were left out, predicted from the others.\n"
            "It includes their noise. The program takes the smallest number that does not lose to larger ones.",
        )
        self._legend = Notice(self)
        for widget in (self._singular, self._errors, self._legend):
            self._column.addWidget(widget)

    def _draw(self) -> None:
        for plot, title in ((self._singular, "singular values"), (self._errors, "error at beads left out")):
            empty_plot(plot, self._colours, _HEIGHT, title)
            plot.getAxis("left").setWidth(46)
        found = self._value
        self._errors.setVisible(found is None or found.psf_errors.size + found.map_errors.size > 0)
        if found is None:
            self._legend.clear()
            return
        values = found.singular_values / max(float(found.singular_values[0]), _SMALLEST)
        self._curve(self._singular, values, len(found.eigen_psfs), self._colours.accent, Qt.PenStyle.SolidLine)
        _label_logarithms(self._singular, values)
        words = []
        for errors, count, name, pen in (
            (found.psf_errors, len(found.eigen_psfs), "eigen-PSFs (solid)", Qt.PenStyle.SolidLine),
            (found.map_errors, len(found.maps), "maps (dashed)", Qt.PenStyle.DashLine),
        ):
            words.append(f"{count} {name}")
            if errors.size > 1:
                colour = self._colours.accent if pen == Qt.PenStyle.SolidLine else self._colours.warning
                self._curve(self._errors, errors[1:], count, colour, pen)
        _label_logarithms(self._errors, np.concatenate([found.psf_errors[1:], found.map_errors[1:]]))
        self._legend.say(f"{' and '.join(words)}. Large dots: what is used.", "note")

    def _curve(
        self, plot: pg.PlotWidget, values: NDArray[np.float64], chosen: int, colour: str, style: Qt.PenStyle
    ) -> None:
        numbers, heights = np.arange(1, len(values) + 1), np.log10(np.maximum(values, _SMALLEST))
        pen = pg.mkPen(colour, width=1.5, style=style)
        plot.addItem(
            pg.PlotDataItem(numbers, heights, pen=pen, symbol="o", symbolSize=4, symbolBrush=colour, symbolPen=None)
        )
        if 1 <= chosen <= len(values):
            marker = [numbers[chosen - 1]], [heights[chosen - 1]]
            plot.addItem(pg.ScatterPlotItem(*marker, size=11, brush=colour, pen=pg.mkPen(self._colours.text)))


def _label_logarithms(plot: pg.PlotWidget, values: NDArray[np.float64]) -> None:
    """Write round numbers beside the axis; its own log mode crowds them, and does not reach the dots."""
    if not values.size:
        return
    low, high = np.log10(np.maximum([values.min(), values.max()], _SMALLEST))
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    digits = (1, 2, 5) if high - low < _FEW_DECADES else (1,)
    numbers = [digit * 10.0**power for power in decades for digit in digits]
    plot.getAxis("left").setTicks([[(float(np.log10(number)), f"{number:g}") for number in numbers]])
