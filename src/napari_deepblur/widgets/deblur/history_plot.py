"""The coefficients of a series against its frames."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from napari_deepblur.pipeline.series import History
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.plots import Drawing, empty_plot, still_plot

_CURVES = 3
_HEIGHT = 9
"""Height of the plot, in heights of the font."""

_TICKS = 5
"""Numbers along the axis of the frames, at most."""

_BAND = 60
"""Opacity of an error band, of 255."""

_STYLES = (
    (Qt.PenStyle.SolidLine, "solid"),
    (Qt.PenStyle.DashLine, "dashed"),
    (Qt.PenStyle.DotLine, "dotted"),
    (Qt.PenStyle.DashDotLine, "dash-dotted"),
)
_LIGHT = ("channel", "colour")
_NUMBERED = re.compile(r"\w+ \d+")


class _Curve(NamedTuple):
    """Frames of one channel: what they have in common, their places along the axis, and their rows in the history."""

    of: str
    positions: NDArray[np.int64]
    rows: NDArray[np.int64]


class HistoryPlot(Drawing[History]):
    """The coefficients that vary most, each with a band of one standard deviation; hidden for fewer than two frames.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hide()

    def _build(self) -> None:
        self._plot = still_plot(
            self,
            "history",
            "Coefficients against the number of the frame, with bands of one standard deviation: those that vary most. "
            "All of them: More > Save coefficients.",
        )
        self._legend = Notice(self)
        self._legend.setObjectName("history_legend")
        self._column.addWidget(self._plot)
        self._column.addWidget(self._legend)

    def _draw(self) -> None:
        empty_plot(self._plot, self._colours, _HEIGHT, "coefficients against frames")
        if self._value is not None and len(self._value.frames) < 2:
            self._value = None
        history = self._value
        self.setVisible(history is not None)
        if history is None:
            self._legend.clear()
            return
        curves = _curves(history.frames)
        positions = np.unique(np.concatenate([curve.positions for curve in curves]))
        shown = np.unique(positions[np.linspace(0, len(positions) - 1, _TICKS).round().astype(int)])
        self._plot.getAxis("bottom").setTicks([[(number, str(number)) for number in shown.tolist()]])
        words = []
        styles = ((self._colours.accent, "blue"), (self._colours.warning, "yellow"), (self._colours.good, "green"))
        for k, (colour, name) in zip(history.most_varying(_CURVES), styles, strict=False):
            for curve, (style, _) in zip(curves, itertools.cycle(_STYLES)):
                self._add(curve, history.theta[curve.rows, k], history.theta_std[curve.rows, k], colour, style)
            words.append(f"{history.names[k]} ({name})")
        told = history.sign_probability
        sign = "" if told is None else f" Joint sign of the even modes from the planes, with probability {told:.2f}."
        of = [f"{curve.of} {style}" for curve, (_, style) in zip(curves, itertools.cycle(_STYLES)) if curve.of]
        lines = f" {', '.join(of)}." if of else ""
        self._legend.say(f"{', '.join(words)}; {history.frames[0]} to {history.frames[-1]}.{lines}{sign}")

    def _add(
        self,
        curve: _Curve,
        values: NDArray[np.float64],
        errors: NDArray[np.float64],
        colour: str,
        style: Qt.PenStyle,
    ) -> None:
        """Draw one curve with its band."""
        edge = pg.mkPen(None)
        low, high = (pg.PlotDataItem(curve.positions, values + sign * errors, pen=edge) for sign in (-1, 1))
        band = QColor(colour)
        band.setAlpha(_BAND)
        pen = pg.mkPen(colour, width=1.5, style=style)
        marks = {"symbol": "o", "symbolSize": 4, "symbolBrush": colour, "symbolPen": None}
        for item in (low, high, pg.FillBetweenItem(low, high, brush=band)):
            self._plot.addItem(item)
        self._plot.addItem(pg.PlotDataItem(curve.positions, values, pen=pen, **marks))


def _curves(frames: Sequence[str]) -> list[_Curve]:
    """Sort frames into curves: one for each channel, and for each plane of a stack in time."""
    parts = [frame.split(", ") for frame in frames]
    if len({len(part) for part in parts}) > 1 or not all(_NUMBERED.fullmatch(one) for part in parts for one in part):
        return [_Curve("", np.arange(len(frames)), np.arange(len(frames)))]
    columns = list(zip(*parts, strict=True))
    # Channels and colours have no order that a curve could follow.
    along = max(range(len(columns)), key=lambda c: (not columns[c][0].startswith(_LIGHT), len(set(columns[c]))))
    found: dict[str, list[int]] = {}
    for row, part in enumerate(parts):
        found.setdefault(", ".join(one for c, one in enumerate(part) if c != along), []).append(row)
    several = len(found) > 1
    positions = np.array([int(name.split()[-1]) for name in columns[along]])
    return [_Curve(of if several else "", positions[rows], np.array(rows)) for of, rows in found.items()]
