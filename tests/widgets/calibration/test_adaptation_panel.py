"""The panel that adapts the identification network."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from driving import activities, child
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QProgressBar, QPushButton

from napari_deepblur.errors import FamilyError
from napari_deepblur.progress import Progress
from napari_deepblur.training.loop import TrainingReport
from napari_deepblur.widgets.calibration import adaptation_panel
from napari_deepblur.widgets.calibration.adaptation_panel import AdaptationPanel
from napari_deepblur.widgets.calibration.loss_plot import LossPlot
from napari_deepblur.widgets.notice import Notice

PATIENCE_MS = 60_000


class _Training:
    """A training run that lasts until it is closed or `steps` are over, and says whether it was closed."""

    def __init__(self, steps: int) -> None:
        self.steps, self.closed = steps, False
        self.calls: list[tuple[Path, int]] = []

    def start(self, file: Path, minutes: int) -> Generator[Progress | TrainingReport, None, Path]:
        self.calls.append((file, minutes))
        return self._run()

    def _run(self) -> Generator[Progress | TrainingReport, None, Path]:
        row: dict[str, str | float] = {"noise": "medium", "psf_snr_db": 14.25, "mean_psf_row_db": 9.0}
        try:
            for step in range(1, self.steps + 1):
                time.sleep(0.01)
                loss = math.nan if step == 1 else 1 / step
                yield TrainingReport(16 * step, float(step), loss, [row] if step == 3 else None)
                yield Progress("train", 16 * step, 16_000)
        finally:
            self.closed = True
        return Path("scope.identification.safetensors")


@pytest.fixture
def panel(qtbot: QtBot) -> Generator[AdaptationPanel]:
    made = AdaptationPanel()
    qtbot.addWidget(made)
    made.show()
    yield made
    QThreadPool.globalInstance().waitForDone()


def _press(qtbot: QtBot, panel: AdaptationPanel) -> None:
    qtbot.mouseClick(child(panel, QPushButton, "adaptation_run"), Qt.MouseButton.LeftButton)


def _wait(qtbot: QtBot, panel: AdaptationPanel) -> str:
    qtbot.waitUntil(lambda: not panel.isRunning(), timeout=PATIENCE_MS)
    return str(child(panel, Notice, "adaptation_status").text())


def test_a_run_shows_its_loss_and_where_its_weights_are(
    qtbot: QtBot, panel: AdaptationPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = _Training(6)
    monkeypatch.setattr(adaptation_panel, "_training", training.start)
    button = child(panel, QPushButton, "adaptation_run")
    assert not button.isEnabled()
    panel.setValue(tmp_path / "scope.safetensors")
    assert button.isEnabled()
    _press(qtbot, panel)
    assert button.text() == "Cancel"
    status = _wait(qtbot, panel)
    assert training.calls == [(tmp_path / "scope.safetensors", 30)]
    assert "scope.identification.safetensors" in status
    # The first step had no loss yet.
    assert child(panel, LossPlot, "adaptation_loss").value() == [(16.0 * n, 1 / n) for n in range(2, 7)]
    assert "14.2 dB at medium noise (9.0)" in child(panel, Notice, "adaptation_reached").text()
    assert button.text() == "Adapt network"


def test_a_run_that_is_stopped_is_closed_in_order_and_can_go_on(
    qtbot: QtBot, panel: AdaptationPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = _Training(10**9)
    monkeypatch.setattr(adaptation_panel, "_training", training.start)
    panel.setValue(tmp_path / "scope.safetensors")
    plot = child(panel, LossPlot, "adaptation_loss")
    _press(qtbot, panel)
    qtbot.waitUntil(lambda: len(plot.value()) > 2, timeout=PATIENCE_MS)
    (tmp_path / "scope.adaptation").mkdir()
    _press(qtbot, panel)
    status = _wait(qtbot, panel)
    assert training.closed
    assert status.startswith("Stopped after")
    assert child(panel, QPushButton, "adaptation_run").text() == "Continue adaptation"
    # A family of its own has a run of its own.
    panel.setValue(tmp_path / "other.safetensors")
    assert plot.value() == []
    assert child(panel, QPushButton, "adaptation_run").text() == "Adapt network"


def test_the_activity_panel_shows_the_adaptation_while_it_lasts(
    qtbot: QtBot, panel: AdaptationPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = _Training(200)
    monkeypatch.setattr(adaptation_panel, "_training", training.start)
    panel.setValue(tmp_path / "scope.safetensors")
    _press(qtbot, panel)
    # The 1000 steps to the end of the schedule would take a second each.
    qtbot.waitUntil(lambda: any(total > 800 for _, _, total in activities()), timeout=PATIENCE_MS)
    ((name, done, _),) = activities()
    assert name == "Adapt network"
    assert 0 <= done < 800
    assert child(panel, QProgressBar, "adaptation_progress").maximum() > 800
    _wait(qtbot, panel)
    assert activities() == []


def test_an_error_is_shown(
    qtbot: QtBot, panel: AdaptationPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, minutes: int) -> Generator[Progress | TrainingReport, None, Path]:
        raise FamilyError("The family has no microscope.")

    monkeypatch.setattr(adaptation_panel, "_training", refuse)
    panel.setValue(tmp_path / "scope.safetensors")
    _press(qtbot, panel)
    assert _wait(qtbot, panel).endswith("The family has no microscope.")
    assert child(panel, Notice, "adaptation_status").level() == "error"
