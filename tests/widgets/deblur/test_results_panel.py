"""What the dock says about a result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSlider, QToolButton

from napari_deepblur.identification.results import Identification
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.resolution import ImageResolution, ResolutionGain
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.verdict import WORDS, Verdict
from napari_deepblur.widgets.colours import theme_colours
from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.findings import Findings, found_in_preview
from napari_deepblur.widgets.deblur.results_panel import ResultsPanel

OPTICS = Microscope(na=0.8, wavelength_um=0.5, pixel_size_um=0.1, n_immersion=1.0, light="scalar")
FAMILY = ZernikeFamily(OPTICS, psf_size=41)


@pytest.fixture
def panel(qtbot: QtBot) -> ResultsPanel:
    made = ResultsPanel()
    qtbot.addWidget(made)
    return made


def result(verdict: Verdict | None = None) -> Deblurring:
    psf = FAMILY.psf([0.0] * 8)
    found = Identification(
        theta=np.full(8, 0.01, np.float32),
        theta_std=np.full(8, 0.02, np.float32),
        psfs=psf[None],
        psf_spread=np.zeros(1, np.float32),
        points=np.zeros((1, 2), np.float32),
        noise=PoissonGaussianNoise(0.5, 2),
        parameter_names=FAMILY.parameter_names,
        even_modes=FAMILY.even_modes,
    )
    record = {"settings": DeblurSettings(microscope=OPTICS).model_dump(mode="json")}
    blur = ConvolutionBlur(torch.from_numpy(psf))
    return Deblurring(np.ones((64, 64), np.float32), found, record, verdict, blur)


def shown(deblurred: Deblurring) -> Findings:
    """Describe a result as that of a run."""
    return replace(found_in_preview("cells deblurred", deblurred), is_preview=False)


def text(panel: ResultsPanel, name: str) -> str:
    label = panel.findChild(QLabel, name)
    assert label is not None
    return label.text()


def test_it_is_hidden_until_there_is_a_result(panel: ResultsPanel) -> None:
    assert panel.isHidden()
    panel.setValue(shown(result()))
    assert not panel.isHidden() and panel.value() is not None
    panel.setValue(None)
    assert panel.isHidden()


def test_the_numbers_are_those_of_the_psf(panel: ResultsPanel) -> None:
    panel.setValue(shown(result()))
    words = text(panel, "psf_metrics")
    assert "Strehl ratio 1.00" in words
    # An Airy disc is 0.514 wavelength / NA wide, 0.321 µm.
    assert "0.32" in words and "without aberrations" in words
    assert text(panel, "noise_found") == "Noise: alpha = 0.5, beta = 2 (image units)."


def test_the_resolution_stands_beside_what_it_cannot_tell(panel: ResultsPanel) -> None:
    gain = ResolutionGain(ImageResolution(0.314), ImageResolution(None))
    panel.setValue(shown(replace(result(), resolution=gain)))
    assert text(panel, "resolution").startswith("Resolution: image 0.31 µm, result not found.")
    assert "not whether it is true" in text(panel, "resolution")
    panel.setValue(shown(result()))
    assert text(panel, "resolution") == ""


@pytest.mark.parametrize(("light", "level"), [("green", "good"), ("yellow", "warning"), ("red", "error")])
def test_the_verdict_has_words_and_a_colour(panel: ResultsPanel, light: str, level: str) -> None:
    panel.setValue(shown(result(Verdict(light, 0.1, 1.0))))  # type: ignore[arg-type]
    assert WORDS[light] in text(panel, "verdict")  # type: ignore[index]
    label = panel.findChild(QLabel, "verdict")
    assert label is not None and label.property("level") == level


def test_profiles_are_drawn_when_they_are_opened(qtbot: QtBot, panel: ResultsPanel) -> None:
    panel.setValue(shown(result()))
    panel.setColours(theme_colours("light"))
    # They take long to make.
    assert panel.findChild(object, "psf_profiles") is None
    button = panel.findChild(QToolButton, "profiles")
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    psf, transfer = (panel.findChild(object, name) for name in ("psf_profiles", "transfer"))
    assert psf is not None and transfer is not None and not psf.isHidden() and not transfer.isHidden()
    curves = psf.listDataItems()
    assert len(curves) == 3
    # Without aberrations all three are one curve, whose peak is 1.
    for curve in curves:
        assert np.nanmax(curve.getData()[1]) == pytest.approx(1, abs=1e-4)
        np.testing.assert_allclose(curve.getData()[1], curves[2].getData()[1], atol=1e-4)
    assert len(transfer.listDataItems()) == 2


def test_a_known_blur_has_a_verdict_and_no_coefficients(panel: ResultsPanel) -> None:
    panel.setValue(shown(replace(result(Verdict("green", 0, 1)), identification=None)))
    bars = panel.findChild(CoefficientsPlot, "coefficients_plot")
    assert bars is not None and bars.isHidden()
    assert text(panel, "psf_metrics") == "" and text(panel, "verdict")


def test_the_residual_is_a_layer_in_the_place_of_the_image(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells, name="cells", scale=(0.1, 0.1), units=("um", "um"))
    run = dock.findChild(QPushButton, "run")
    show = dock.findChild(QPushButton, "residual")
    assert run is not None and show is not None and not show.isVisibleTo(dock)
    qtbot.mouseClick(run, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=60_000)
    assert show.isVisibleTo(dock)
    slider = dock.findChild(QSlider, "before_after")
    assert slider is not None and slider.isVisibleTo(dock) and slider.value() == 100
    slider.setValue(25)
    assert viewer.layers["cells deblurred"].opacity == 0.25
    before = [layer.name for layer in viewer.layers]
    qtbot.mouseClick(show, Qt.MouseButton.LeftButton)
    residual = viewer.layers["cells residual"]
    assert [layer.name for layer in viewer.layers] == [*before, "cells residual"]
    assert residual.data.shape == cells.shape
    np.testing.assert_allclose(residual.scale, image.scale)
    assert 0 < np.abs(residual.data).mean() < np.std(cells)
