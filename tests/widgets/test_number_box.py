"""Boxes for numbers: wide enough for what stands in them."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_deepblur.widgets.number_box import LengthBox, NumberBox


@pytest.mark.parametrize("kind", [NumberBox, LengthBox])
def test_a_pixel_size_is_seen_whole_in_a_narrow_column(qtbot: QtBot, kind: type[NumberBox]) -> None:
    column = QWidget()
    qtbot.addWidget(column)
    # As napari does, whose padding and buttons take 58 pixels of the box, as seen in a picture.
    column.setStyleSheet("QDoubleSpinBox { border: none; padding: 1px 10px; min-width: 70px; }")
    box = kind(column)
    box.setValue(0.0654)
    layout = QHBoxLayout(column)
    layout.addWidget(box)
    column.show()
    column.resize(column.minimumSizeHint())
    assert box.width() >= box.fontMetrics().horizontalAdvance(box.text()) + 58
