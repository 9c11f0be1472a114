"""Computations of which only the latest matters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QThreadPool

from napari_deepblur.errors import CalibrationError
from napari_deepblur.widgets.latest import Latest


@pytest.fixture
def latest(qtbot: QtBot) -> Generator[Latest]:
    parent = QObject()
    yield Latest(parent)
    QThreadPool.globalInstance().waitForDone()
    parent.deleteLater()


def _returns(value: int) -> Callable[[], int]:
    return lambda: value


def test_of_many_requests_the_last_is_answered(qtbot: QtBot, latest: Latest) -> None:
    answers: list[int] = []
    latest.ready.connect(answers.append)
    for number in range(20):
        latest.request(_returns(number))
    qtbot.waitUntil(lambda: not latest.is_busy())
    assert answers == [19]


def test_a_request_during_a_computation_replaces_its_answer(qtbot: QtBot, latest: Latest) -> None:
    answers: list[Any] = []
    latest.ready.connect(answers.append)
    started, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        started.set()
        go_on.wait(10)
        return "old"

    latest.request(slow)
    qtbot.waitUntil(started.is_set)
    latest.request(_returns(7))
    go_on.set()
    qtbot.waitUntil(lambda: not latest.is_busy())
    assert answers == [7]


def test_what_is_dropped_is_not_answered(qtbot: QtBot, latest: Latest) -> None:
    answers: list[Any] = []
    started, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        go_on.wait(10)

    latest.ready.connect(answers.append)
    latest.request(slow)
    qtbot.waitUntil(started.is_set)
    latest.drop()
    go_on.set()
    qtbot.waitUntil(lambda: not latest.is_busy())
    assert answers == []


def test_an_error_is_handed_on(qtbot: QtBot, latest: Latest) -> None:
    def fail() -> None:
        raise CalibrationError("too small a field")

    with qtbot.waitSignal(latest.failed) as signal:
        latest.request(fail)
    assert str(signal.args[0]) == "too small a field"
    with qtbot.waitSignal(latest.ready) as signal:
        latest.request(_returns(1))
    assert signal.args == [1]


def test_a_worker_whose_signals_are_gone_ends_in_silence(
    qtbot: QtBot, latest: Latest, capfd: pytest.CaptureFixture[str]
) -> None:
    """As when the program is closed meanwhile: Qt then destroys every object that it knows."""
    started, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        started.set()
        go_on.wait(10)
        return 1

    latest.request(slow)
    qtbot.waitUntil(started.is_set)
    worker: Any = latest._worker
    worker.signals.deleteLater()
    qtbot.waitUntil(lambda: not isalive(worker.signals))
    go_on.set()
    with qtbot.captureExceptions() as raised:
        assert QThreadPool.globalInstance().waitForDone(10_000)
        qtbot.wait(20)
    assert raised == []
    assert "Traceback" not in capfd.readouterr().err
