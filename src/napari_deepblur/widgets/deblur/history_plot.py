"""The coefficients of a series against its frames."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_deepblur.pipeline.series import History
from napari_deepblur.widgets.colours import Colours, theme_colours
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.plots import colour_plot, still_plot

_CURVES = 3
_HEIGHT = 9
"""Height of the plot, in heights of the font."""

_TICKS = 5
"""Numbers along the axis of the frames, at most."""

_BAND = 60
"""Opacity of an error band, of 255."""


class HistoryPlot(QWidget):
    """The coefficients that vary most, each with a band of one standard deviation; hidden for fewer than two frames.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history: History | None = None
        self._colours = theme_colours("dark")
        self._plot = still_plot(
            self,
            "history",
            "Coefficients against the number of the frame, with bands of one standard deviation: those that vary most. "
            "All of them: More > Save coefficients.",
        )
        self._legend = Notice(self)
        self._legend.setObjectName("history_legend")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        layout.addWidget(self._legend)
        self.hide()

    def value(self) -> History | None:
        """Return what is shown."""
        return self._history

    def setValue(self, history: History | None) -> None:
        """Show a history."""
        self._history = history if history is not None and len(history.frames) > 1 else None
        self.setVisible(self._history is not None)
        self._draw()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._colours = colours
        self._draw()

    def _draw(self) -> None:
        self._plot.clear()
        colour_plot(self._plot, self._colours)
        self._plot.setFixedHeight(round(_HEIGHT * self.fontMetrics().height()))
        history = self._history
        if history is None:
            self._legend.clear()
            return
        self._plot.setTitle("coefficients against frames", color=self._colours.text, size="9pt")
        # Numbered from 0, as the slider of the viewer and the names of the frames are.
        frames = np.arange(len(history.frames))
        shown = np.unique(np.linspace(0, frames[-1], _TICKS).round().astype(int))
        self._plot.getAxis("bottom").setTicks([[(number, str(number)) for number in shown]])
        words = []
        styles = ((self._colours.accent, "blue"), (self._colours.warning, "yellow"), (self._colours.good, "green"))
        for k, (colour, name) in zip(history.most_varying(_CURVES), styles, strict=False):
            values, errors = history.theta[:, k], history.theta_std[:, k]
            edge = pg.mkPen(None)
            low, high = (pg.PlotDataItem(frames, values + sign * errors, pen=edge) for sign in (-1, 1))
            band = QColor(colour)
            band.setAlpha(_BAND)
            for item in (low, high, pg.FillBetweenItem(low, high, brush=band)):
                self._plot.addItem(item)
            self._plot.addItem(
                pg.PlotDataItem(
                    frames, values, pen=pg.mkPen(colour, width=1.5), symbol="o", symbolSize=4, symbolBrush=colour,
                    symbolPen=None,
                )
            )  # fmt: skip
            words.append(f"{history.names[k]} ({name})")
        told = history.sign_probability
        sign = "" if told is None else f" Joint sign of the even modes from the planes, with probability {told:.2f}."
        self._legend.say(f"{', '.join(words)}; {history.frames[0]} to {history.frames[-1]}.{sign}")
