"""How the tests press the buttons of a dock."""

from __future__ import annotations

from typing import Any

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QPushButton, QSpinBox, QWidget

from napari_deepblur.widgets.notice import Notice

PATIENCE_MS = 180_000
"""Far beyond what a run takes, for machines that are busy with something else."""

MICROMETRES = {"scale": (0.1, 0.1), "units": ("um", "um")}


def child(widget: QWidget, kind: type[Any], name: str = "") -> Any:
    """Find a part of a widget by its object name, or by its kind alone."""
    found = widget.findChild(kind, name) if name else widget.findChild(kind)
    assert found is not None
    return found


def choose(widget: QWidget, name: str, data: str) -> None:
    """Choose the entry of a list that stands for a value."""
    box = child(widget, QComboBox, name)
    assert box.findData(data) >= 0
    box.setCurrentIndex(box.findData(data))


def know_the_blur(dock: Any) -> None:
    """Give the dock a known blur and Wiener's filter: a run is then over at once."""
    dock.setValue(dock.value().replace(theta=(0.0,) * 8, method="wiener"))


def write(qtbot: QtBot, box: QDoubleSpinBox | QSpinBox, text: str) -> None:
    """Write a number as a user does, key by key, and Enter."""
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def press(qtbot: QtBot, widget: QWidget, name: str = "run") -> None:
    """Click a button with the mouse."""
    qtbot.mouseClick(child(widget, QPushButton, name), Qt.MouseButton.LeftButton)


def status(dock: QWidget) -> Notice:
    """Return what a dock says about its run."""
    notice: Notice = child(dock, Notice, "status")
    return notice


def said_once(dock: QWidget, words: str) -> bool:
    """Tell whether the notices that are seen in a dock say something, and once only."""
    return sum(words in notice.text() for notice in dock.findChildren(Notice) if notice.isVisibleTo(dock)) == 1


def activities() -> list[tuple[str, float, float]]:
    """Return name, work done and work in all of every bar in napari's activity panel."""
    from napari.utils import progress

    return [(bar.desc.removesuffix(": "), bar.n, bar.total) for bar in progress._all_instances]


def run_to_the_end(qtbot: QtBot, dock: Any) -> Notice:
    """Press Run, wait until the run has ended, and return what the dock says."""
    press(qtbot, dock)
    assert dock.isRunning()
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    assert "Traceback" not in status(dock).text()
    return status(dock)
