"""The estimated coefficients as bars."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_deepblur.pipeline.results import Identification
from napari_deepblur.widgets.colours import Colours, theme_colours
from napari_deepblur.widgets.notice import Notice

_BAR = 0.62
"""Thickness of a bar, as a part of a row."""

_ROW_HEIGHT = 1.35
"""Height of a row, in heights of the font."""


class CoefficientsPlot(QWidget):
    """Horizontal bars with error bars and mode names, one row for each coefficient.

    Even modes are hatched and marked with ±: one image knows them only up to one joint sign.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._identification: Identification | None = None
        self._colours = theme_colours("dark")
        self._plot = pg.PlotWidget(self, enableMenu=False)
        self._plot.setObjectName("coefficients")
        # Its menu is never shown, but exists: as a child it goes when the dock does, not at some later collection.
        menu = self._plot.getPlotItem().ctrlMenu
        menu.setParent(self, menu.windowFlags())
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        # Now, not later: pyqtgraph applies a prefix once more whenever this is called on an axis with a label.
        self._plot.getAxis("bottom").enableAutoSIPrefix(False)
        self._plot.getAxis("left").enableAutoSIPrefix(False)
        self._plot.invertY(True)
        self._plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._plot.setToolTip("Zernike coefficients in waves RMS, with their standard deviations.")
        self._legend = Notice(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        layout.addWidget(self._legend)

    def value(self) -> Identification | None:
        """Return what is shown."""
        return self._identification

    def setValue(self, identification: Identification | None) -> None:
        """Show an identification; None shows nothing."""
        self._identification = identification
        self._draw()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._colours = colours
        self._draw()

    def rows(self) -> list[str]:
        """Return the text beside each bar, from the top."""
        if self._identification is None:
            return []
        return [
            f"± {name}" if even else name
            for name, even in zip(
                self._identification.parameter_names, self._identification.even_modes.tolist(), strict=True
            )
        ]

    def _draw(self) -> None:
        self._plot.clear()
        self._plot.setBackground(self._colours.background)
        text = pg.mkPen(self._colours.text)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(pg.mkPen(self._colours.faint))
            axis.setTextPen(text)
        found = self._identification
        rows = self.rows()
        line = self.fontMetrics().height()
        self._plot.setFixedHeight(round(line * (_ROW_HEIGHT * len(rows) + 3)))
        self._plot.setLabel("bottom", "coefficient (waves RMS)", color=self._colours.text)
        self._plot.getAxis("left").setTicks([list(enumerate(rows))])
        self._plot.getAxis("left").setStyle(tickLength=0)
        if found is None:
            self._legend.clear()
            return
        theta, std = found.theta.tolist(), found.theta_std.tolist()
        for row, (value, even) in enumerate(zip(theta, found.even_modes.tolist(), strict=True)):
            pattern = Qt.BrushStyle.BDiagPattern if even else Qt.BrushStyle.SolidPattern
            brush = QBrush(QColor(self._colours.accent), pattern)
            self._plot.addItem(
                pg.BarGraphItem(
                    x0=[0.0], width=[value], y=[row], height=_BAR, brush=brush, pen=pg.mkPen(self._colours.accent)
                )
            )
        self._plot.addItem(
            pg.ErrorBarItem(
                x=found.theta,
                y=np.arange(len(rows)),
                left=found.theta_std,
                right=found.theta_std,
                beam=_BAR / 2,
                pen=text,
            )
        )
        self._plot.addItem(pg.InfiniteLine(pos=0, angle=90, pen=pg.mkPen(self._colours.faint)))
        reach = 1.08 * max(abs(value) + spread for value, spread in zip(theta, std, strict=True))
        self._plot.setXRange(-reach, reach, padding=0)
        self._plot.setYRange(-0.6, len(rows) - 0.4, padding=0)
        self._legend.say(
            "± (hatched): even modes; their joint sign is not identifiable from one image."
            if found.even_modes.any()
            else "",
            "note",
        )
