"""The Run button and what is said around it."""

from __future__ import annotations

import pytest
from driving import child
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar, QPushButton

from napari_deepblur.progress import Progress
from napari_deepblur.widgets import run_panel
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.run_panel import RunPanel


@pytest.fixture
def panel(qtbot: QtBot) -> RunPanel:
    panel = RunPanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def test_run_becomes_cancel_becomes_cancelling(qtbot: QtBot, panel: RunPanel) -> None:
    button = child(panel, QPushButton, "run")
    assert button.text() == "Deblur"
    with qtbot.waitSignal(panel.runRequested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    panel.setRunning()
    assert button.text() == "Cancel"
    with qtbot.waitSignal(panel.cancelRequested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    panel.setCancelling()
    assert button.text() == "Cancelling…"
    assert not button.isEnabled()
    panel.setIdle()
    assert button.text() == "Deblur"
    assert button.isEnabled()


def test_time_left_is_that_of_the_pace_so_far(panel: RunPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(run_panel.time, "monotonic", lambda: now[0])
    bar, words = child(panel, QProgressBar, "progress"), child(panel, Notice, "time_left")
    panel.setRunning()
    assert (bar.minimum(), bar.maximum()) == (0, 0)
    panel.setProgress(Progress("noise", 0, 10))
    assert words.text() == "Estimating the noise"
    # Without a pace the time that has passed shows that something goes on.
    now[0] = 107
    panel.setProgress(Progress("noise", 0, 10))
    assert words.text() == "Estimating the noise, 7 s so far"
    now[0] = 110
    panel.setProgress(Progress("identify", 2, 10))
    assert words.text() == "Identifying the blur, about 40 s left"
    assert (bar.value(), bar.maximum()) == (2, 10)
    now[0] = 400
    panel.setProgress(Progress("deblur", 5, 10))
    assert words.text() == "Removing the blur, about 5 min left"
    panel.setProgress(Progress("deblur", 10, 10))
    assert words.text() == "Removing the blur, almost done"


def test_the_frame_of_a_series_is_named(panel: RunPanel) -> None:
    panel.setRunning()
    panel.setProgress(Progress("deblur", 0, 2000, "3/20"))
    assert child(panel, Notice, "time_left").text() == "Removing the blur, frame 3 of 20"


def test_a_late_progress_does_not_hide_that_the_cancel_was_heard(panel: RunPanel) -> None:
    panel.setRunning()
    panel.setCancelling()
    panel.setProgress(Progress("deblur", 5, 10))
    assert child(panel, Notice, "time_left").text() == "Stops at the next step"


def test_what_cannot_run_says_why(panel: RunPanel) -> None:
    button = child(panel, QPushButton, "run")
    panel.setReady("There is no image.")
    assert not button.isEnabled()
    assert button.toolTip() == "There is no image."
    panel.setReady("")
    assert button.isEnabled()


def test_the_status_can_be_selected_and_takes_no_room_when_empty(panel: RunPanel) -> None:
    status = child(panel, Notice, "status")
    assert not status.isVisible()
    panel.say("All pixels are equal. Choose another image.", "error")
    assert status.isVisible()
    assert status.level() == "error"
    assert status.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    assert status.text().endswith("All pixels are equal. Choose another image.")
    panel.setRunning()
    assert not status.isVisible()


def test_time_left_passes_between_two_steps(qtbot: QtBot, panel: RunPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(run_panel, "_TICK_MS", 10)
    monkeypatch.setattr(run_panel.time, "monotonic", lambda: now[0])
    made = RunPanel(panel)
    words = child(made, Notice, "time_left")
    made.setRunning()
    now[0] = 104
    qtbot.waitUntil(lambda: words.text() == "Starting, 4 s so far")
    now[0] = 110
    made.setProgress(Progress("deblur", 2, 10, "3/20"))
    assert words.text() == "Removing the blur, frame 3 of 20, about 40 s left"
    now[0] = 125
    qtbot.waitUntil(lambda: words.text() == "Removing the blur, frame 3 of 20, about 25 s left")
    now[0] = 160
    qtbot.waitUntil(lambda: words.text() == "Removing the blur, frame 3 of 20, almost done, 60 s so far")
    made.setIdle()
    assert not words.text()


def test_a_detail_that_is_no_frame_is_not_called_one(panel: RunPanel) -> None:
    panel.setRunning()
    panel.setProgress(Progress("Adapting", 0, 10, "the network"))
    assert child(panel, Notice, "time_left").text() == "Adapting: the network"


def test_the_first_long_message_does_not_ask_for_the_height_of_a_narrow_one(panel: RunPanel) -> None:
    panel.resize(400, 120)
    status = child(panel, Notice, "status")
    panel.say("A sentence of some words. " * 20, "warning")
    # At once, before the layout has been asked: a window that has grown does not shrink again.
    assert status.sizeHint().height() <= 1.1 * status.heightForWidth(panel.width())
