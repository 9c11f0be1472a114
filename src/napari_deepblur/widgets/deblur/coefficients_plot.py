"""The estimated coefficients as bars."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QWidget

from napari_deepblur.identification.results import Identification
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.plots import Drawing, empty_plot, still_plot

_BAR = 0.62
"""Thickness of a bar, as a part of a row."""

_ROW_HEIGHT = 1.35
"""Height of a row, in heights of the font."""

_MOST_ROWS = 12
"""Coefficients beyond which only the most certain ones are shown: a calibrated family may have a hundred."""


class CoefficientsPlot(Drawing[Identification]):
    """Horizontal bars with error bars and mode names, one row for each coefficient.

    Even modes are hatched and marked with ±: one image knows them only up to one joint sign.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: list[int] = []

    def _build(self) -> None:
        self._plot = still_plot(self, "coefficients", "Estimated coefficients, with their standard deviations.")
        self._plot.invertY(True)
        self._legend = Notice(self)
        self._column.addWidget(self._plot)
        self._column.addWidget(self._legend)

    def rows(self) -> list[str]:
        """Return the text beside each bar, from the top."""
        found = self._value
        if found is None:
            return []
        return [("± " if found.even_modes[i] else "") + found.parameter_names[i] for i in self._shown]

    def _draw(self) -> None:
        found = self._value
        self._shown = [] if found is None else _most_certain(found)
        rows = self.rows()
        empty_plot(self._plot, self._colours, _ROW_HEIGHT * len(rows) + 3)
        if found is None:
            self._legend.clear()
            return
        # Those of measured blurs have no unit.
        unit = f"coefficient ({found.units})" if found.units else "coefficient"
        self._plot.setLabel("bottom", unit, color=self._colours.text)
        self._plot.getAxis("left").setTicks([list(enumerate(rows))])
        self._plot.getAxis("left").setStyle(tickLength=0)
        theta, std, even = (values[self._shown] for values in (found.theta, found.theta_std, found.even_modes))
        for row, (value, hatched) in enumerate(zip(theta.tolist(), even.tolist(), strict=True)):
            pattern = Qt.BrushStyle.BDiagPattern if hatched else Qt.BrushStyle.SolidPattern
            brush = QBrush(QColor(self._colours.accent), pattern)
            self._plot.addItem(
                pg.BarGraphItem(
                    x0=[0.0], width=[value], y=[row], height=_BAR, brush=brush, pen=pg.mkPen(self._colours.accent)
                )
            )
        errors = {"left": std, "right": std, "beam": _BAR / 2, "pen": pg.mkPen(self._colours.text)}
        self._plot.addItem(pg.ErrorBarItem(x=theta, y=np.arange(len(rows)), **errors))
        self._plot.addItem(pg.InfiniteLine(pos=0, angle=90, pen=pg.mkPen(self._colours.faint)))
        reach = 1.08 * float(np.max(np.abs(theta) + std))
        self._plot.setXRange(-reach, reach, padding=0)
        self._plot.setYRange(-0.6, len(rows) - 0.4, padding=0)
        self._legend.say(" ".join(_remarks(found, len(rows))))


def _most_certain(found: Identification) -> list[int]:
    """Return which coefficients have a row: all, or of many those that stand out most from their errors."""
    count = len(found.theta)
    if count <= _MOST_ROWS:
        return list(range(count))
    certainty = np.abs(found.theta) / np.maximum(found.theta_std, 1e-12)
    return [int(i) for i in np.sort(np.argsort(-certainty)[:_MOST_ROWS])]


def _remarks(found: Identification, shown: int) -> list[str]:
    remarks = []
    if found.even_modes.any():
        remarks.append("± (hatched): even modes; their joint sign is not identifiable from one image.")
    if shown < len(found.theta):
        remarks.append(f"The {shown} of {len(found.theta)} coefficients that stand out most from their errors.")
    return remarks
