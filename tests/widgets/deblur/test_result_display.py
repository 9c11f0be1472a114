"""Results as layers in the place of their input: planes, series, colours, pyramids."""

from __future__ import annotations

import json

import numpy as np
import pytest
from driving import MICROMETRES, PATIENCE_MS, child, choose, press, run_to_the_end, said_once, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QComboBox, QPushButton

from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.notice import Notice


def test_a_click_makes_two_layers_in_the_place_of_the_input(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells, name="cells", **MICROMETRES, translate=(3, -2), axis_labels=("y", "x"))
    before = cells.copy()
    run_to_the_end(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells deblurred", "cells PSFs"]
    assert viewer.layers.selection.active == viewer.layers["cells deblurred"]
    for name in ("cells deblurred", "cells PSFs"):
        layer = viewer.layers[name]
        assert layer.data.shape == cells.shape
        assert layer.data.dtype == np.float32
        assert layer.units == image.units
        assert layer.axis_labels == ("y", "x")
        np.testing.assert_allclose(layer.scale, (0.1, 0.1))
        np.testing.assert_allclose(layer.translate, (3, -2))
        np.testing.assert_allclose(layer.extent.world, image.extent.world)
        record = layer.metadata[METADATA_KEY]
        assert json.loads(json.dumps(record)) == record
        assert record["settings"]["microscope"]["pixel_size_um"] == 0.1
    psfs = viewer.layers["cells PSFs"].data
    assert psfs.max() == 1
    np.testing.assert_array_equal(cells, before)
    assert status(dock).text().startswith("Done in ")
    assert said_once(dock, "Rests on assumed numbers")
    assert f" on {record['resolved']['device']}: added" in status(dock).text()
    assert "'cells PSFs'" in status(dock).text()
    plot = child(dock, CoefficientsPlot, "coefficients_plot")
    assert plot.isVisible()
    assert plot.rows()[:2] == ["± defocus", "± astigmatism oblique"]
    assert plot.rows()[3] == "coma y"
    assert child(dock, QPushButton, "run").text() == "Deblur"


def test_draws_of_the_blur_add_what_the_result_owes_to_not_knowing_it(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells, name="cells", **MICROMETRES)
    draws = child(dock, QComboBox, "draws")
    draws.setCurrentIndex(draws.findText("4 likely blurs"))
    run_to_the_end(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells deblurred", "cells PSFs", "cells spread"]
    spread = viewer.layers["cells spread"]
    assert spread.data.shape == cells.shape and spread.data.max() > 0
    assert not spread.visible and "'cells spread' (hidden)" in status(dock).text()
    np.testing.assert_allclose(spread.scale, viewer.layers["cells deblurred"].scale)
    assert viewer.layers.selection.active == viewer.layers["cells deblurred"]


def test_a_series_appears_frame_by_frame_in_one_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    series = np.stack([cells[:48, :48], np.zeros_like(cells[:48, :48]), cells[40:88, 60:108]])
    image = viewer.add_image(
        series, name="movie", scale=(2, 0.1, 0.1), units=("s", "um", "um"), axis_labels=("time", "y", "x")
    )
    choose(dock, "method", "wiener")
    reuse = child(dock, QComboBox, "reuse")
    assert reuse.isVisible()
    assert child(dock, QComboBox, "axis_0").currentData() == "T"
    assert not child(dock, QComboBox, "axis_3").isVisible()
    assert not child(dock, QComboBox, "colours").isVisible()
    reuse.setCurrentIndex(reuse.findData("first"))
    counts: list[int] = []
    stages: list[str] = []
    stage = child(dock, Notice, "time_left")

    def inserted() -> None:
        counts.append(int(viewer.layers[-1].data.any(axis=(1, 2)).sum()))
        stages.append(stage.text())

    viewer.layers.events.inserted.connect(inserted)
    run_to_the_end(qtbot, dock)
    # The layer is there, with the first frame in it, before the others have begun.
    assert "frame 1 of 3" in stages[0]
    # The other thread may have written the next one before the window gets to it.
    assert counts[0] in (1, 2) and counts[1:] == [2]
    result = viewer.layers["movie deblurred"]
    assert result.data.shape == series.shape
    np.testing.assert_array_equal(result.data[1], 0)
    np.testing.assert_allclose(result.scale, image.scale)
    assert result.units == image.units
    assert result.axis_labels == image.axis_labels
    record = result.metadata[METADATA_KEY]
    assert (record["axes"], record["reuse"]) == ("TYX", "first")
    assert record["frames"][2]["theta"] == record["frames"][0]["theta"]
    assert "Time 1: all pixels are 0, passed through" in status(dock).text()
    assert viewer.layers["movie PSFs"].data.any(axis=(1, 2)).tolist() == [True, False, True]


def test_a_cancelled_series_leaves_no_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(np.stack([cells[:48, :48]] * 30), name="movie")
    choose(dock, "method", "wiener")
    press(qtbot, dock)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    press(qtbot, dock)
    assert not dock.isRunning()
    assert [layer.name for layer in viewer.layers] == ["movie"]
    assert QThreadPool.globalInstance().waitForDone(PATIENCE_MS)
    qtbot.wait(50)
    assert [layer.name for layer in viewer.layers] == ["movie"]


@pytest.mark.parametrize("colours", ["each", "luminance"])
def test_colours(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], colours: str) -> None:
    part = (cells[:48, :48] // 5).astype(np.uint8)
    viewer.add_image(np.stack([part, part // 2, 255 - part], axis=-1), rgb=True, name="stain", **MICROMETRES)
    # What is found in colours is no matter of this test, and takes long.
    dock.setValue(dock.value().replace(method="wiener", theta=(0.05,) * 8))
    box = child(dock, QComboBox, "colours")
    assert box.isVisible()
    assert not child(dock, QComboBox, "reuse").isVisible()
    box.setCurrentIndex(box.findData(colours))
    run_to_the_end(qtbot, dock)
    result = viewer.layers["stain deblurred"]
    if colours == "each":
        assert result.rgb
        assert (result.data.shape, result.data.dtype) == ((48, 48, 3), np.uint8)
    else:
        assert not result.rgb
        assert (result.data.shape, result.data.dtype) == ((48, 48), np.float32)


def test_of_a_pyramid_the_full_resolution_is_deblurred(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image([cells, cells[::2, ::2]], multiscale=True, name="zoom", **MICROMETRES)
    dock.setValue(dock.value().replace(method="wiener", theta=(0.05,) * 8))
    run_to_the_end(qtbot, dock)
    assert viewer.layers["zoom deblurred"].data.shape == cells.shape


def test_planes_along_the_last_axis_are_no_colours(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    stack = np.stack([cells[i : i + 48, i : i + 52] for i in range(3)], axis=-1)
    viewer.add_image(stack, name="stack", axis_labels=("y", "x", "z"), rgb=False)
    dock.setValue(dock.value().replace(size="light", draws=2, method="wiener"))
    choose(dock, "reuse", "first")
    run_to_the_end(qtbot, dock)
    names = ["stack", "stack deblurred", "stack PSFs", "stack spread"]
    assert sorted(layer.name for layer in viewer.layers) == sorted(names)
    for name in names:
        layer = viewer.layers[name]
        assert layer.data.shape == stack.shape and layer.ndim == 3 and not layer.rgb
