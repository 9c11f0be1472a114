"""What the chosen layer says is in the forms, and follows it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QPushButton

from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.deblur.axes_form import AxesForm
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY


def test_the_spacing_follows_the_scale_and_the_names_of_the_axes(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    layer = viewer.add_image(np.stack([cells, cells]), scale=(0.3, 0.1, 0.1), units=("um", "um", "um"))
    spacing, axis = dock.findChild(QDoubleSpinBox, "plane_spacing"), dock.findChild(QComboBox, "axis_0")
    assert spacing is not None and axis is not None and not spacing.isVisibleTo(dock)
    axis.setCurrentIndex(axis.findData("Z"))
    assert spacing.isVisibleTo(dock) and spacing.value() == pytest.approx(0.3)
    layer.scale = (0.5, 0.1, 0.1)
    assert spacing.value() == pytest.approx(0.5)
    spacing.setValue(-0.2)
    assert dock.findChild(AxesForm).value().plane_spacing_um == -0.2


def test_the_pixel_size_follows_the_scale_of_the_chosen_layer_alone(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    first = viewer.add_image(cells, name="first", scale=(0.1, 0.1), units=("um", "um"))
    viewer.add_image(cells, name="second", scale=(0.08, 0.08), units=("um", "um"))
    combo = dock.findChild(QComboBox, "layer")
    assert combo is not None
    combo.setCurrentIndex(combo.findText("second"))
    assert dock.value().microscope.pixel_size_um == pytest.approx(0.08)
    first.scale = (0.06, 0.06)
    assert dock.value().microscope.pixel_size_um == pytest.approx(0.08)
    combo.setCurrentIndex(combo.findText("first"))
    assert dock.value().microscope.pixel_size_um == pytest.approx(0.06)
    first.units = ("nm", "nm")
    first.scale = (70, 70)
    assert dock.value().microscope.pixel_size_um == pytest.approx(0.07)


def test_pixels_that_are_not_square_stop_a_run(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    layer = viewer.add_image(cells, scale=(0.1, 0.1), units=("um", "um"))
    run = dock.findChild(QPushButton, "run")
    assert run is not None and run.isEnabled()
    layer.scale = (0.1, 0.2)
    assert not run.isEnabled() and "square" in run.toolTip()


def test_a_stated_microscope_fills_the_form(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    stated = Microscope(na=0.8, wavelength_um=0.6, pixel_size_um=0.15, n_immersion=1.0)
    metadata = {METADATA_KEY: {"settings": {"microscope": asdict(stated)}}}
    viewer.add_image(cells, scale=(0.15, 0.15), units=("um", "um"), metadata=metadata)
    assert dock.value().microscope == stated
