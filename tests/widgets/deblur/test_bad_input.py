"""Images and families that do not fit, and layers that change under a run, in a real napari window."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from driving import MICROMETRES, PATIENCE_MS, child, choose, press, said_once, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QDoubleSpinBox, QPushButton

from napari_deepblur.io.families import save_family
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice


def _start(qtbot: QtBot, dock: DeblurDock) -> None:
    press(qtbot, dock)
    assert dock.isRunning()


def _end(qtbot: QtBot, dock: DeblurDock) -> Notice:
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert "Traceback" not in status(dock).text()
    return status(dock)


def test_a_layer_that_changes_during_a_run_gets_the_result_of_what_it_was(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], hold: threading.Event
) -> None:
    part = cells[:48, :56]
    image = viewer.add_image(part, name="cells", **MICROMETRES, translate=(1, 2))
    choose(dock, "method", "wiener")
    _start(qtbot, dock)
    image.data = cells[10:50, 20:60]
    image.scale, image.translate, image.name = (0.12, 0.12), (5, 5), "another"
    hold.set()
    end = _end(qtbot, dock)
    assert end.level() == "note"
    assert said_once(dock, "Rests on assumed numbers")
    result = viewer.layers["cells deblurred"]
    assert result.data.shape == part.shape
    np.testing.assert_allclose(result.scale, (0.1, 0.1))
    np.testing.assert_allclose(result.translate, (1, 2))
    assert result.metadata[METADATA_KEY]["settings"]["microscope"]["pixel_size_um"] == 0.1
    # The form has followed: the next run is of what the layer is now.
    assert child(dock, QDoubleSpinBox, "pixel_size_um").value() == pytest.approx(0.12)
    _start(qtbot, dock)
    _end(qtbot, dock)
    assert viewer.layers["another deblurred"].data.shape == (40, 40)


def test_a_layer_without_units_is_deblurred_with_the_size_in_the_form(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells[:48, :48], name="bare")
    assert "no length units" in child(dock, Notice, "pixel_size_origin").text()
    child(dock, QDoubleSpinBox, "pixel_size_um").setValue(0.08)
    choose(dock, "method", "wiener")
    _start(qtbot, dock)
    end = _end(qtbot, dock)
    assert end.level() == "note"
    assert said_once(dock, "Rests on assumed numbers")
    result = viewer.layers["bare deblurred"]
    assert result.metadata[METADATA_KEY]["settings"]["microscope"]["pixel_size_um"] == 0.08
    # The layer lies on its input, whatever the form says.
    np.testing.assert_allclose(result.extent.world, image.extent.world)


def test_oblong_pixels_can_be_deblurred_once_they_are_corrected(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells[:48, :48], name="cells", scale=(0.1, 0.12), units=("um", "um"))
    button = child(dock, QPushButton, "run")
    assert not button.isEnabled()
    assert "not square" in button.toolTip()
    image.scale = (0.1, 0.1)
    assert button.isEnabled()
    assert child(dock, QDoubleSpinBox, "pixel_size_um").value() == pytest.approx(0.1)


@pytest.mark.parametrize("shape", [(33, 40), (32, 112)])
def test_an_image_smaller_than_the_patches_of_the_networks(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], shape: tuple[int, int]
) -> None:
    viewer.add_image(cells[: shape[0], : shape[1]], name="crop", **MICROMETRES)
    _start(qtbot, dock)
    end = _end(qtbot, dock)
    assert end.level() == "note"
    assert said_once(dock, "Rests on assumed numbers")
    result = viewer.layers["crop deblurred"].data
    assert result.shape == shape
    assert np.isfinite(result).all()


def test_a_series_of_one_frame_keeps_its_axis(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells[None, :48, :48], name="film", scale=(3, 0.1, 0.1), units=("s", "um", "um"))
    choose(dock, "method", "wiener")
    _start(qtbot, dock)
    end = _end(qtbot, dock)
    assert end.level() == "note"
    assert said_once(dock, "Rests on assumed numbers")
    result = viewer.layers["film deblurred"]
    assert result.data.shape == (1, 48, 48)
    np.testing.assert_allclose(result.scale, (3, 0.1, 0.1))
    np.testing.assert_allclose(result.extent.world, image.extent.world)


@pytest.mark.parametrize("reuse", ["each", "first"])
def test_frames_of_zeros_are_passed_through_and_named(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], reuse: str
) -> None:
    part = cells[:48, :48]
    series = np.stack([np.zeros_like(part), part, np.zeros_like(part), part[::-1]])
    viewer.add_image(series, name="film", scale=(1, 0.1, 0.1), units=("s", "um", "um"), axis_labels=("t", "y", "x"))
    choose(dock, "method", "wiener")
    choose(dock, "reuse", reuse)
    _start(qtbot, dock)
    status = _end(qtbot, dock)
    assert status.level() == "warning"
    for frame in (0, 2):
        assert f"Time {frame}: all pixels are 0, passed through" in status.text()
    assert viewer.layers["film deblurred"].data.any(axis=(1, 2)).tolist() == [False, True, False, True]
    # The first frame with light in it is the one that "first" means.
    frames = viewer.layers["film deblurred"].metadata[METADATA_KEY]["frames"]
    assert (frames[1]["theta"] == frames[3]["theta"]) == (reuse == "first")


def test_a_series_of_zeros_alone_is_refused(qtbot: QtBot, viewer: Viewer, dock: DeblurDock) -> None:
    viewer.add_image(np.zeros((3, 48, 48), np.uint16), name="dark", scale=(1, 0.1, 0.1), units=("s", "um", "um"))
    choose(dock, "method", "wiener")
    _start(qtbot, dock)
    status = _end(qtbot, dock)
    assert status.level() == "error"
    assert [layer.name for layer in viewer.layers] == ["dark"]


@pytest.fixture
def family_file(tmp_path: Path) -> Path:
    """Write a family of 0.1 um pixels and a field of 60 x 70."""
    rng = np.random.default_rng(0)
    psfs = np.abs(rng.normal(size=(2, 9, 9))).astype(np.float32)
    maps = np.ones((1, 5, 5), np.float32)
    thetas = np.abs(rng.normal(size=(4, 2, 1))).astype(np.float32)
    path = tmp_path / "scope.safetensors"
    optics = Microscope(na=1.2, wavelength_um=0.52, pixel_size_um=0.1, n_immersion=1.33)
    save_family(ProductConvolutionFamily(psfs, maps, thetas, optics, field_shape=(60, 70)), path)
    return path


@pytest.mark.parametrize(
    ("pixel", "shape", "words"),
    [
        (0.08, (48, 48), "made for pixels of 0.1 um, but the image has pixels of 0.08 um"),
        (0.1, (64, 70), "the field of this family has (60, 70)"),
    ],
    ids=["another pixel size", "smaller field"],
)
def test_a_family_that_does_not_fit_is_refused_and_nothing_is_added(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    family_file: Path,
    pixel: float,
    shape: tuple[int, int],
    words: str,
) -> None:
    viewer.add_image(cells[: shape[0], : shape[1]], name="cells", scale=(pixel, pixel), units=("um", "um"))
    dock.setValue(dock.value().replace(family=str(family_file), method="wiener"))
    _start(qtbot, dock)
    status = _end(qtbot, dock)
    assert status.level() == "error"
    assert words in status.text()
    assert [layer.name for layer in viewer.layers] == ["cells"]
