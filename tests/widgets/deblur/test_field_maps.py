"""Maps over the field, from the menu to the layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QAction

from napari_deepblur.operators.psf_maps import PsfMaps
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.psf_map_layers import psf_map_layers
from napari_deepblur.widgets.layers import Source
from tests.widgets.driving import MICROMETRES, PATIENCE_MS, child, run_to_the_end, status


def test_maps_of_a_result_cover_its_image(qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: np.ndarray) -> None:
    image = viewer.add_image(cells, name="cells", translate=(3, 5), **MICROMETRES)
    # One mode that grows along the field.
    theta = (0.0,) * 14 + (0.1,) + (0.0,) * 9
    dock.setValue(dock.value().replace(family="field-zernike", theta=theta, method="wiener"))
    child(dock, QAction, "maps").trigger()
    assert "press Deblur first" in status(dock).text()
    run_to_the_end(qtbot, dock)
    before = len(viewer.layers)
    child(dock, QAction, "maps").trigger()
    qtbot.waitUntil(lambda: len(viewer.layers) == before + 4, timeout=PATIENCE_MS)
    maps = list(viewer.layers)[before:]
    assert [layer.visible for layer in maps] == [True, False, False, False]
    assert "Strehl" in maps[0].name
    for layer in maps:
        # The outer edges of the cells are those of the pixels.
        np.testing.assert_allclose(_edges(layer), _edges(image))
        assert layer.units == image.units
    assert np.ptp(maps[0].data) > 0.01
    assert float(maps[0].data.max()) <= 1.0001


def _edges(layer: Image) -> np.ndarray:
    return np.asarray(layer.extent.world) + 0.5 * np.outer([-1, 1], layer.scale)


def test_maps_of_a_frame_lie_at_that_frame(viewer: Viewer) -> None:
    layer = viewer.add_image(np.zeros((4, 30, 60)), scale=(2, 0.1, 0.1), translate=(1, 7, 9), rotate=20)
    values = np.arange(18, dtype=np.float32).reshape(3, 6)
    made = psf_map_layers(Source.of(layer), "TYX", (2,), PsfMaps(None, values, values, values + 1, (10.0, 10.0)))
    assert len(made) == 3
    first = viewer.add_image(made[0][0], **made[0][1])
    np.testing.assert_allclose(first.data_to_world((0, 1, 2)), layer.data_to_world((2, 14.5, 24.5)))


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_constant_map_has_contrast_limits_that_are_in_order(viewer: Viewer, value: float) -> None:
    layer = viewer.add_image(np.zeros((30, 60)))
    values = np.full((3, 6), value, np.float32)
    _, arguments, _ = psf_map_layers(Source.of(layer), "YX", (), PsfMaps(None, values, values, values, (10.0, 10.0)))[0]
    low, high = arguments["contrast_limits"]
    assert low < high
