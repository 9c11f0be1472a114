"""A plane PSF: its profiles, and its transfer function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_deepblur.widgets.plots import Drawing, add_curve, empty_plot, still_plot

if TYPE_CHECKING:
    from napari_deepblur.optics.psf_metrics import PsfMetrics  # noqa: F401  # the text below is its name

if TYPE_CHECKING:
    pass

_HEIGHT = 8
"""Height of a plot, in heights of the font."""


class PsfProfiles(Drawing["PsfMetrics"]):
    """Two plots below one another; hidden where there is nothing to show.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hide()

    def _build(self) -> None:
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
        for plot in (self._psf, self._transfer):
            self._column.addWidget(plot)

    def _draw(self) -> None:
        for plot in (self._psf, self._transfer):
            empty_plot(plot, self._colours, _HEIGHT)
        metrics = self._value
        self.setVisible(metrics is not None)
        if metrics is None:
            return
        accent, faint = self._colours.accent, self._colours.text
        for values, style, colour in (
            (metrics.profiles[1], Qt.PenStyle.SolidLine, accent),
            (metrics.profiles[0], Qt.PenStyle.DashLine, accent),
            (metrics.ideal_profile, Qt.PenStyle.DotLine, faint),
        ):
            add_curve(self._psf, metrics.distance_um, values / np.nanmax(metrics.ideal_profile), colour, style)
        near = 4 * max(*metrics.fwhm_um, *metrics.ideal_fwhm_um)
        self._psf.setXRange(-near, near, padding=0)
        self._psf.setYRange(0, 1, padding=0.02)
        self._psf.setTitle("PSF against µm", color=self._colours.text, size="9pt")
        within = metrics.frequency < 1.1 * metrics.limit
        add_curve(self._transfer, metrics.frequency[within], metrics.transfer[within], accent, Qt.PenStyle.SolidLine)
        add_curve(self._transfer, metrics.frequency[within], metrics.ideal_transfer[within], faint, Qt.PenStyle.DotLine)
        self._transfer.addItem(pg.InfiniteLine(pos=metrics.limit, angle=90, pen=pg.mkPen(self._colours.faint)))
        self._transfer.setXRange(0, float(metrics.frequency[within][-1]), padding=0)
        self._transfer.setYRange(0, 1, padding=0.02)
        self._transfer.setTitle("transfer function against cycles/µm", color=self._colours.text, size="9pt")
