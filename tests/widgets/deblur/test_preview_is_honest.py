"""A preview says that it computes, shows its edge, and is pale while it is outdated."""

from __future__ import annotations

import numpy as np
from driving import MICROMETRES, PATIENCE_MS, child, choose, know_the_blur
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QCheckBox

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
