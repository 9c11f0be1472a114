"""What the chosen layer says is in the forms, and follows it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from driving import child, write
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit, QPushButton

from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.deblur.axes_form import AxesForm
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice


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


def test_the_pixel_size_follows_the_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    box, origin = child(dock, QDoubleSpinBox, "pixel_size_um"), child(dock, Notice, "pixel_size_origin")
    first = viewer.add_image(cells, name="first", scale=(65, 65), units=("nm", "nm"))
    assert box.value() == pytest.approx(0.065)
    assert "'first'" in origin.text()
    first.scale = (80, 80)
    assert box.value() == pytest.approx(0.08)
    first.units = ("um", "um")
    assert box.value() == pytest.approx(80)
    first.scale = (0.07, 0.07)
    viewer.add_image(cells, name="second")
    combo = child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText("second"))
    assert box.value() == pytest.approx(0.07)
    assert "no length units" in origin.text()
    first.scale = (0.09, 0.09)
    assert box.value() == pytest.approx(0.07)
    combo.setCurrentIndex(combo.findText("first"))
    assert box.value() == pytest.approx(0.09)
    assert dock.value().microscope.pixel_size_um == pytest.approx(0.09)


def test_a_pixel_size_that_was_typed_stays_while_the_layer_does(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    box = child(dock, QDoubleSpinBox, "pixel_size_um")
    first = viewer.add_image(cells, name="first", scale=(0.08, 0.08), units=("um", "um"))
    box.setValue(0.09)
    viewer.add_image(cells, name="second", scale=(0.05, 0.05), units=("um", "um"))
    first.name = "renamed"
    assert box.value() == pytest.approx(0.09)
    combo = child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText("second"))
    assert box.value() == pytest.approx(0.05)
    # The first layer is no longer listened to.
    box.setValue(0.06)
    first.scale = (0.07, 0.07)
    assert box.value() == pytest.approx(0.06)


def test_axes_can_be_named_otherwise(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    viewer.add_image(np.stack([cells, cells], axis=-1), name="channels last", scale=(0.1, 0.1, 1), units=("um",) * 3)
    button, last = child(dock, QPushButton, "run"), child(dock, QComboBox, "axis_2")
    assert last.currentData() == "X"
    # As rows and columns the last two axes would have pixels that are not square.
    assert not button.isEnabled()
    assert "not square" in button.toolTip()
    last.setCurrentIndex(last.findData("C"))
    first, second = (child(dock, QComboBox, f"axis_{position}") for position in (0, 1))
    first.setCurrentIndex(first.findData("Y"))
    assert (first.currentData(), second.currentData(), last.currentData()) == ("Y", "X", "C")
    assert button.isEnabled()
    assert child(dock, QDoubleSpinBox, "pixel_size_um").value() == pytest.approx(0.1)
    viewer.layers.clear()
    assert not last.isVisible()


def test_what_was_given_for_an_image_stays_with_it_and_leaves_with_it(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    combo, axes = child(dock, QComboBox, "layer"), child(dock, AxesForm)
    wavelengths, spacing = child(dock, QLineEdit, "channel_wavelengths"), child(dock, QDoubleSpinBox, "plane_spacing")

    def choose_layer(name: str) -> None:
        combo.setCurrentIndex(combo.findText(name))

    for name, labels in (("colours", "cyx"), ("others", "cyx"), ("stack", "zyx"), ("film", "tyx")):
        viewer.add_image(np.stack([cells, cells]), name=name, axis_labels=tuple(labels))
    choose_layer("colours")
    wavelengths.setText("450 nm, 525 nm")
    assert dock.value().channel_wavelengths_um == (0.45, 0.525)
    choose_layer("others")
    assert wavelengths.text() == "" and dock.value().channel_wavelengths_um is None
    choose_layer("stack")
    write(qtbot, spacing, "300 nm")
    viewer.layers["stack"].scale = (1, 0.1, 0.1)
    viewer.layers["stack"].rotate = np.eye(3)
    assert spacing.value() == pytest.approx(0.3)
    choose_layer("film")
    child(dock, QComboBox, "axis_0").setCurrentIndex(child(dock, QComboBox, "axis_0").findData("Z"))
    assert spacing.value() == 0
    choose_layer("stack")
    assert spacing.value() == pytest.approx(0.3)
    choose_layer("film")
    assert axes.value().axes == "ZYX" and spacing.value() == 0
    choose_layer("colours")
    assert dock.value().channel_wavelengths_um == (0.45, 0.525)


def test_the_forms_follow_another_array_in_the_layer(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    layer = viewer.add_image(cells, name="cells", scale=(0.1, 0.1), units=("um", "um"))
    axes, button, reason = child(dock, AxesForm), child(dock, QPushButton, "run"), child(dock, Notice, "layer_reason")
    layer.data = np.stack([cells] * 3)
    assert len(axes.value().axes) == 3 and axes.isVisible() and button.isEnabled()
    layer.data = cells > 300
    assert "is a mask" in reason.text() and not button.isEnabled()
    layer.data = cells[:50]
    assert axes.value().axes == "YX" and reason.text() == "" and button.isEnabled()
    # napari leaves the units of axes that were not there before out.
    layer.units = ("um", "um")
    layer.scale = (0.1, 0.2)
    assert "not square" in reason.text()
    layer.scale = (0.1, 0.1)
    assert reason.text() == ""
    layer.shear = (0.5,)
    assert "sheared" in reason.text() and not button.isEnabled()
