"""The list of layers to choose from."""

from __future__ import annotations

import numpy as np
from driving import child
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox, QPushButton

from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.notice import Notice


def test_the_list_of_layers_follows_the_viewer(viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]) -> None:
    combo, button = child(dock, QComboBox, "layer"), child(dock, QPushButton, "run")

    def listed() -> list[str]:
        return [combo.itemText(row) for row in range(combo.count())]

    assert listed() == []
    assert not button.isEnabled()
    assert "Open an image" in button.toolTip()
    first = viewer.add_image(cells, name="first")
    assert (listed(), combo.currentText()) == (["first"], "first")
    viewer.add_points(np.zeros((1, 2)))
    viewer.add_image(cells, name="second")
    # What the user chose stays chosen.
    assert (listed(), combo.currentText()) == (["first", "second"], "first")
    first.name = "renamed"
    assert (listed(), combo.currentText()) == (["renamed", "second"], "renamed")
    viewer.layers.move(0, 3)
    assert (listed(), combo.currentText()) == (["second", "renamed"], "renamed")
    viewer.layers.remove(first)
    assert (listed(), combo.currentText()) == (["second"], "second")
    viewer.layers.clear()
    assert listed() == []
    assert not button.isEnabled()


def test_unsuitable_layers_are_refused_with_a_reason(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    combo, button = child(dock, QComboBox, "layer"), child(dock, QPushButton, "run")
    reason = child(dock, Notice, "layer_reason")
    viewer.add_labels((cells > 500).astype(int), name="mask")
    assert combo.currentText() == "mask"
    assert "labels" in reason.text()
    assert not button.isEnabled()
    viewer.add_image(cells, scale=(0.1, 0.2), units=("um", "um"), name="oblong")
    for name, word in (("oblong", "not square"), ("mask", "labels")):
        combo.setCurrentIndex(combo.findText(name))
        assert word in reason.text()
        assert reason.isVisible()
        assert not button.isEnabled()
    # A suitable one takes the place of one that is not.
    viewer.add_image(cells, name="plane")
    assert combo.currentText() == "plane"
    assert not reason.isVisible()
    assert button.isEnabled()
