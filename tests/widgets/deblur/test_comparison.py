"""Before is the image, whatever lies over it."""

from __future__ import annotations

import numpy as np
import pytest
from driving import MICROMETRES, PATIENCE_MS, child, know_the_blur, run_to_the_end
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QCheckBox, QSlider

from napari_deepblur.widgets.deblur.dock import DeblurDock


def seen(viewer: Viewer) -> list[str]:
    """Return the pictures that can be seen, from below."""
    return [layer.name for layer in viewer.layers if layer.visible and layer.opacity > 0]


def test_before_is_the_image_and_not_another_result(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    know_the_blur(dock)
    run_to_the_end(qtbot, dock)
    run_to_the_end(qtbot, dock)
    slider = child(dock, QSlider, "before_after")
    everything = ["cells", "cells deblurred", "cells deblurred [1]"]
    assert seen(viewer) == everything
    slider.setValue(0)
    assert seen(viewer) == ["cells"]
    slider.setValue(50)
    assert seen(viewer) == ["cells", "cells deblurred [1]"]
    assert viewer.layers["cells deblurred [1]"].opacity == pytest.approx(0.5)
    slider.setValue(100)
    assert seen(viewer) == everything
    # Of the other result, too; and what was hidden comes back where another layer is selected.
    viewer.layers.selection.active = viewer.layers["cells deblurred"]
    slider.setValue(0)
    assert seen(viewer) == ["cells"]
    viewer.layers.selection.active = viewer.layers["cells"]
    assert seen(viewer) == everything
    assert not slider.isVisible()


def test_before_is_the_image_and_not_a_preview(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    know_the_blur(dock)
    child(dock, QCheckBox, "preview").setChecked(True)
    qtbot.waitUntil(lambda: "cells preview" in viewer.layers, timeout=PATIENCE_MS)
    run_to_the_end(qtbot, dock)
    image.visible = False
    child(dock, QSlider, "before_after").setValue(0)
    assert seen(viewer) == ["cells"]
    child(dock, QSlider, "before_after").setValue(100)
    assert not image.visible and "cells deblurred" in seen(viewer)
    child(dock, QCheckBox, "preview").setChecked(False)


def test_without_its_image_there_is_nothing_to_compare_with(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    viewer.add_image(cells[:48, :48], name="cells", **MICROMETRES)
    know_the_blur(dock)
    run_to_the_end(qtbot, dock)
    assert child(dock, QSlider, "before_after").isVisible()
    viewer.layers.remove("cells")
    assert not child(dock, QSlider, "before_after").isVisible()


def test_layers_may_lie_in_any_order_be_hidden_and_have_an_opacity_of_their_own(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(cells[:48, :48], name="cells", opacity=0.9, **MICROMETRES)
    know_the_blur(dock)
    run_to_the_end(qtbot, dock)
    result, slider = viewer.layers["cells deblurred"], child(dock, QSlider, "before_after")
    result.opacity, result.visible = 0.6, False
    viewer.layers.move(1, 0)
    viewer.layers.selection.active = result
    slider.setValue(0)
    # The image lies above: it is the one that is faded.
    assert seen(viewer)[-1] == "cells" and image.opacity == 1
    slider.setValue(75)
    assert seen(viewer) == ["cells deblurred", "cells"]
    assert result.opacity == 1 and image.opacity == pytest.approx(0.25)
    slider.setValue(100)
    assert (result.opacity, image.opacity, result.visible) == (0.6, 0.9, False)
    # A layer of the same name with other pixels is not the image of a result that comes from a file.
    image.data = cells[:40, :40]
    viewer.layers.selection.active = image
    viewer.layers.selection.active = result
    assert not slider.isVisible()
    image.data = cells[:48, :48]
    opened = viewer.add_image(result.data.copy(), name="opened", metadata=dict(result.metadata), **MICROMETRES)
    viewer.layers.selection.active = opened
    assert slider.isVisible()
    image.name = "other"
    viewer.add_image(cells[:20, :30], name="cells", **MICROMETRES)
    viewer.layers.selection.active = opened
    assert not slider.isVisible()
