"""Plots that show something and do nothing else: no menu, no zoom, the colours of the theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_deepblur.widgets.colours import theme_colours

if TYPE_CHECKING:
    from napari_deepblur.widgets.colours import Colours

Value = TypeVar("Value")


class Drawing(QWidget, Generic[Value]):
    """A form that shows its value in plots below one another, and is not edited. How, each kind says in `_draw`.

    Its plots, which a kind makes in `_build`, take long to make: they are made when there is first something to show.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Value | None = None
        self._colours = theme_colours("dark")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._built = False

    def value(self) -> Value | None:
        """Return what is shown."""
        return self._value

    def setValue(self, value: Value | None) -> None:
        """Show a value; None shows nothing."""
        self._value = value
        if value is not None and not self._built:
            self._built = True
            self._build()
        self._refresh()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._colours = colours
        self._refresh()

    def _refresh(self) -> None:
        if self._built:
            self._draw()

    def _build(self) -> None:
        raise NotImplementedError

    def _draw(self) -> None:
        raise NotImplementedError


def still_plot(parent: QWidget, name: str, tooltip: str) -> pg.PlotWidget:
    """Make a plot that cannot be moved.

    Parameters
    ----------
    parent
        Its owner.
    name
        Its object name.
    tooltip
        What it shows, with units.
    """
    plot = pg.PlotWidget(parent, enableMenu=False)
    plot.setObjectName(name)
    # Its menu is never shown, but exists: as a child it goes when the dock does, not at some later collection.
    menu = plot.getPlotItem().ctrlMenu
    menu.setParent(parent, menu.windowFlags())
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    for side in ("left", "bottom"):
        # Now, not later: pyqtgraph applies a prefix once more whenever this is called on an axis with a label.
        plot.getAxis(side).enableAutoSIPrefix(False)
    plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    plot.setToolTip(tooltip)
    return plot


def empty_plot(plot: pg.PlotWidget, colours: Colours, lines: float, title: str = "") -> None:
    """Take out all curves, and give a plot the colours of a theme, a height in lines of text, and a title if any."""
    plot.clear()
    plot.setBackground(colours.background)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(pg.mkPen(colours.faint))
        axis.setTextPen(pg.mkPen(colours.text))
    plot.setFixedHeight(round(lines * plot.parentWidget().fontMetrics().height()))
    if title:
        plot.setTitle(title, color=colours.text, size="9pt")


def add_curve(
    plot: pg.PlotWidget, x: NDArray[np.float64], y: NDArray[np.float64], colour: str, style: Qt.PenStyle
) -> None:
    """Draw a line through points, interrupted where there is none."""
    plot.addItem(pg.PlotDataItem(x, y, connect="finite", pen=pg.mkPen(colour, width=1.5, style=style)))
