"""Plots that show something and do nothing else: no menu, no zoom, the colours of the theme."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_deepblur.widgets.colours import Colours


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


def colour_plot(plot: pg.PlotWidget, colours: Colours) -> None:
    """Give a plot the colours of a theme."""
    plot.setBackground(colours.background)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(pg.mkPen(colours.faint))
        axis.setTextPen(pg.mkPen(colours.text))
