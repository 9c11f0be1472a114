"""The loss of a training run, as it falls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import Qt

from napari_deepblur.widgets.plots import Drawing, add_curve, empty_plot, still_plot

_HEIGHT = 8
"""Height of the plot, in heights of the font."""


class LossPlot(Drawing[Sequence[tuple[float, float]]]):
    """One curve of loss against samples: its value is points (samples, loss).

    Parameters
    ----------
    parent
        Parent widget.
    """

    def _build(self) -> None:
        self._plot = still_plot(self, "loss", "Mean loss of the last hundred steps against thousands of samples.")
        self._plot.getAxis("left").setWidth(46)
        self._column.addWidget(self._plot)

    def add(self, samples: float, loss: float) -> None:
        """Append a point; one without a loss is left out."""
        if math.isfinite(loss):
            self.setValue([*(self._value or ()), (samples, loss)])

    def _draw(self) -> None:
        empty_plot(self._plot, self._colours, _HEIGHT, "loss against thousands of samples")
        samples, losses = np.array(self._value or np.zeros((0, 2)), np.float64).T
        add_curve(self._plot, samples / 1000, losses, self._colours.accent, Qt.PenStyle.SolidLine)
