"""A preview says that it computes, shows its edge, and is pale while it is outdated."""

from __future__ import annotations

import numpy as np
import pytest
from driving import MICROMETRES, PATIENCE_MS, child, choose, know_the_blur, write
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QPushButton

from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.preview_form import PreviewForm
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice


def test_a_preview_says_that_it_computes_and_looks_outdated_meanwhile(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    know_the_blur(dock)
    form: PreviewForm = child(dock, PreviewForm)
    notice, title = child(dock, Notice, "preview_notice"), child(dock, Notice, "result_name")
    said: list[tuple[str, bool]] = []
    form.valueChanged.connect(lambda: said.append((notice.text(), form.is_outdated())))
    child(dock, QCheckBox, "preview").setChecked(True)
    qtbot.waitUntil(lambda: "cells preview" in viewer.layers, timeout=PATIENCE_MS)
    shown = viewer.layers["cells preview"]
    assert shown.bounding_box.visible and shown.opacity == 1
    assert said[0][0].startswith("Computing 48 x ") and said[0][1]
    assert said[-1][0].startswith("48 x ") and not said[-1][1]
    assert title.text() == "Preview: cells preview"
    assert shown.metadata[METADATA_KEY]["origins"] == child(dock, MicroscopeForm).origins()
    pale: list[tuple[float, str]] = []
    shown.events.opacity.connect(lambda: pale.append((shown.opacity, title.text())))
    choose(dock, "method", "total-variation")
    qtbot.waitUntil(lambda: bool(pale) and shown.opacity == 1, timeout=PATIENCE_MS)
    assert pale[0][0] < 0.5
    assert not form.is_outdated()
    child(dock, QCheckBox, "preview").setChecked(False)
    assert form.findings() is None


def test_a_preview_is_of_the_image_as_it_is_now(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells[:64, :64], name="first", **MICROMETRES)
    second = viewer.add_image(cells[:72, :80] / 1000, name="second", scale=(0.07, 0.07), units=("um", "um"))
    know_the_blur(dock)
    form, notice = child(dock, PreviewForm), child(dock, Notice, "preview_notice")
    combo, title = child(dock, QComboBox, "layer"), child(dock, Notice, "result_name")
    combo.setCurrentIndex(combo.findText("first"))

    def wait(name: str) -> None:
        fresh = f"Preview: {name} preview"
        qtbot.waitUntil(lambda: title.text() == fresh and not form.is_outdated(), timeout=PATIENCE_MS)
        # Another one may be on its way: drawing a layer moves what is visible.
        qtbot.waitUntil(lambda: form.shown() is not None, timeout=PATIENCE_MS)

    child(dock, QCheckBox, "preview").setChecked(True)
    wait("first")
    assert child(dock, QPushButton, "compare_methods").isVisible()
    combo.setCurrentIndex(combo.findText("second"))
    wait("second")
    shown = form.layer()
    assert shown is not None and "first preview" not in viewer.layers
    assert shown.scale[0] == pytest.approx(0.07)
    assert shown.contrast_limits == second.contrast_limits
    pixels = shown.data.copy()
    second.data = second.data[::-1].copy()
    qtbot.waitUntil(lambda: not np.array_equal(_pixels(form), pixels), timeout=PATIENCE_MS)
    second.translate = (5, 3)
    qtbot.waitUntil(lambda: _corner(form) == (5, 3), timeout=PATIENCE_MS)
    # No run is possible: what is shown is no longer true. As it was, it is again.
    na = child(dock, QDoubleSpinBox, "na")
    write(qtbot, na, "1.7")
    qtbot.waitUntil(lambda: "Outdated" in notice.text(), timeout=PATIENCE_MS)
    assert title.text() == "Preview: second preview (outdated)"
    write(qtbot, na, "1.4")
    wait("second")
    assert "Outdated" not in notice.text()
    # Beside the image there is nothing to be previewed, and nothing else is shown in its place.
    shapes = viewer.add_shapes([[(50, 50), (53, 53)]], shape_type="rectangle", name="part", units=("um", "um"))
    shapes.selected_data = {0}
    form.update_preview()
    qtbot.waitUntil(lambda: "lies beside 'second'" in notice.text(), timeout=PATIENCE_MS)
    assert form.layer() is None
    viewer.layers.remove("part")
    form.update_preview()
    wait("second")
    child(dock, QCheckBox, "preview").setChecked(False)


def _pixels(form: PreviewForm) -> NDArray[np.float32]:
    layer = form.layer()
    return np.zeros(0, np.float32) if layer is None else layer.data


def _corner(form: PreviewForm) -> tuple[float, ...]:
    layer = form.layer()
    return () if layer is None else tuple(layer.translate)
