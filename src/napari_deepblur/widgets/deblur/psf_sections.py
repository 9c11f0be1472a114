"""A three-dimensional PSF: its xz and yz sections, and its profiles along z and across."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_deepblur.widgets.plots import Drawing, add_curve, empty_plot, still_plot

if TYPE_CHECKING:
    from napari_deepblur.optics.volume_psf_metrics import VolumePsfMetrics  # noqa: F401  # the text below is its name

if TYPE_CHECKING:
    pass

_HEIGHT, _PICTURE_HEIGHT = 8, 12
"""Heights of profiles and of sections, in heights of the font."""

_GAMMA = 0.5
"""Rings of a PSF are some hundredths of its peak."""

_REACH = 2.5
"""Half a profile or a section, in widths at half maximum: what lies beyond is nearly dark."""


class PsfSections(Drawing["VolumePsfMetrics"]):
    """Sections with equal micrometres along both sides, and profiles below them; hidden where there is nothing to show.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hide()

    def _build(self) -> None:
        self._pictures = {
            name: still_plot(self, f"psf_{name}", f"{name} section of the PSF through its peak, in µm; z downwards.")
            for name in ("xz", "yz")
        }
        self._profiles = {
            "z": still_plot(self, "psf_axial", "Profile of the PSF along z against µm; dotted without aberrations."),
            "x": still_plot(
                self, "psf_lateral", "Profiles against µm: along x solid, along y dashed, dotted without aberrations."
            ),
        }
        row = QHBoxLayout()
        for picture in self._pictures.values():
            picture.setAspectLocked(True)
            picture.invertY(True)
            row.addWidget(picture)
        self._column.addLayout(row)
        for profile in self._profiles.values():
            self._column.addWidget(profile)

    def _draw(self) -> None:
        for plots, height in ((self._pictures, _PICTURE_HEIGHT), (self._profiles, _HEIGHT)):
            for plot in plots.values():
                empty_plot(plot, self._colours, height)
        metrics = self._value
        self.setVisible(metrics is not None)
        if metrics is None:
            return
        deep, high, wide = metrics.voxel_um
        lengths = len(metrics.xz), metrics.yz.shape[1], metrics.xz.shape[1]
        widths = [max(pair) for pair in zip(metrics.fwhm_um, metrics.ideal_fwhm_um, strict=True)]
        whole = [n * step / 2 for n, step in zip(lengths, metrics.voxel_um, strict=True)]
        reach = [min(_REACH * width, most) for width, most in zip(widths, whole, strict=True)]
        for name, section, step, across in (("xz", metrics.xz, wide, reach[2]), ("yz", metrics.yz, high, reach[1])):
            self._section(name, section, (deep, step), (reach[0], across))
        self._curves("z", (0,), reach[0])
        self._curves("x", (2, 1), max(reach[1:]))

    def _section(
        self, name: str, section: NDArray[np.float64], steps: tuple[float, float], reach: tuple[float, float]
    ) -> None:
        plot = self._pictures[name]
        row, column = np.unravel_index(int(section.argmax()), section.shape)
        picture = pg.ImageItem(np.clip(section, 0, 1) ** _GAMMA, axisOrder="row-major", levels=(0, 1))
        picture.setColorMap(pg.colormap.get("inferno"))
        (deep, wide), (planes, columns) = steps, section.shape
        # The middle of the brightest voxel is the origin.
        picture.setRect(QRectF(-(column + 0.5) * wide, -(row + 0.5) * deep, columns * wide, planes * deep))
        plot.addItem(picture)
        plot.setRange(xRange=(-reach[1], reach[1]), yRange=(-reach[0], reach[0]), padding=0)
        plot.setTitle(f"{name} (µm)", color=self._colours.text, size="9pt")

    def _curves(self, name: str, axes: tuple[int, ...], reach: float) -> None:
        metrics, plot = self._value, self._profiles[name]
        assert metrics is not None
        accent, text = self._colours.accent, self._colours.text
        dotted = metrics.ideal_profiles[axes[0]], Qt.PenStyle.DotLine, text
        styles = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)
        own = [(metrics.profiles[axis], style, accent) for axis, style in zip(axes, styles, strict=False)]
        for (values, style, colour), axis in zip((*own, dotted), (*axes, axes[0]), strict=True):
            add_curve(plot, metrics.distances_um[axis], values, colour, style)
        plot.setXRange(-reach, reach, padding=0)
        plot.setYRange(0, 1, padding=0.02)
        along = "along z" if name == "z" else "along x and y"
        plot.setTitle(f"PSF {along} against µm", color=self._colours.text, size="9pt")
