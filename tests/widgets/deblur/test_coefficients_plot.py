"""The bar chart of the coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyqtgraph as pg
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from napari_deepblur.identification.results import Identification
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.widgets.colours import theme_colours
from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.notice import Notice

FOUND = Identification(
    theta=np.array([0.12, -0.05, 0.01], np.float32),
    theta_std=np.array([0.02, 0.03, 0.04], np.float32),
    psfs=np.ones((1, 3, 3), np.float32) / 9,
    psf_spread=np.zeros(1, np.float32),
    points=np.zeros((1, 2), np.float32),
    noise=PoissonGaussianNoise(0, 0),
    parameter_names=("defocus", "coma y", "spherical"),
    even_modes=np.array([True, False, True]),
)


@pytest.fixture
def plot(qtbot: QtBot) -> CoefficientsPlot:
    plot = CoefficientsPlot()
    qtbot.addWidget(plot)
    plot.show()
    return plot


def _items(plot: CoefficientsPlot, kind: type) -> list:
    canvas = plot.findChild(pg.PlotWidget, "coefficients")
    assert canvas is not None
    return [item for item in canvas.getPlotItem().items if isinstance(item, kind)]


def test_a_bar_is_as_long_as_its_coefficient_and_even_ones_are_hatched(plot: CoefficientsPlot) -> None:
    plot.setValue(FOUND)
    assert plot.value() is FOUND
    bars = _items(plot, pg.BarGraphItem)
    np.testing.assert_array_equal(
        [(*bar.opts["x0"], *bar.opts["width"], *bar.opts["y"]) for bar in bars],
        [(0, np.float32(0.12), 0), (0, np.float32(-0.05), 1), (0, np.float32(0.01), 2)],
    )
    hatched = [bar.opts["brush"].style() == Qt.BrushStyle.BDiagPattern for bar in bars]
    assert hatched == [True, False, True]
    assert plot.rows() == ["± defocus", "coma y", "± spherical"]
    legend = plot.findChild(Notice)
    assert legend is not None
    assert "not identifiable from one image" in legend.text()


def test_the_axis_has_the_unit_of_the_coefficients(plot: CoefficientsPlot) -> None:
    for units, label in (("waves RMS", "coefficient (waves RMS)"), ("", "coefficient")):
        plot.setValue(replace(FOUND, units=units))
        canvas = plot.findChild(pg.PlotWidget, "coefficients")
        assert canvas is not None
        assert canvas.getPlotItem().getAxis("bottom").labelText == label


def test_error_bars_are_one_standard_deviation_and_fit_in(plot: CoefficientsPlot) -> None:
    plot.setValue(FOUND)
    (errors,) = _items(plot, pg.ErrorBarItem)
    np.testing.assert_array_equal(errors.opts["left"], FOUND.theta_std)
    np.testing.assert_array_equal(errors.opts["right"], FOUND.theta_std)
    canvas = plot.findChild(pg.PlotWidget, "coefficients")
    assert canvas is not None
    (low, high), _ = canvas.viewRange()
    assert low == pytest.approx(-high)
    assert high > 0.12 + 0.02


def test_another_value_takes_the_place_of_the_last(plot: CoefficientsPlot) -> None:
    plot.setValue(FOUND)
    plot.setValue(FOUND)
    assert len(_items(plot, pg.BarGraphItem)) == 3
    plot.setValue(None)
    assert _items(plot, pg.BarGraphItem) == []
    assert plot.rows() == []


def test_a_theme_changes_the_colours_and_keeps_the_value(plot: CoefficientsPlot) -> None:
    plot.setValue(FOUND)
    for theme in ("light", "dark"):
        colours = theme_colours(theme)
        plot.setColours(colours)
        assert plot.value() is FOUND
        canvas = plot.findChild(pg.PlotWidget, "coefficients")
        assert canvas is not None
        assert canvas.backgroundBrush().color().name() == colours.background
        # The numbers on the axis are waves, not thousandths of waves.
        assert canvas.getAxis("bottom").autoSIPrefixScale == 1
        assert _items(plot, pg.BarGraphItem)[1].opts["brush"].color().name() == colours.accent


def _luminance(colour: str) -> float:
    """Relative luminance, as the Web Content Accessibility Guidelines define it."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("role", ["text", "faint", "warning", "error"])
def test_words_can_be_read_on_the_background(theme: str, role: str) -> None:
    colours = theme_colours(theme)
    dark, light = sorted(_luminance(c) for c in (colours.background, getattr(colours, role)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5
