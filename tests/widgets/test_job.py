"""The computation in another thread."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from driving import activities
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject, QThreadPool

from napari_deepblur.errors import DeviceError, ImageError
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.progress import Progress
from napari_deepblur.widgets.job import Job

RESULT = Deblurring(np.zeros((2, 2), np.float32), None, {})


def _steps(n: int = 3, wait: threading.Event | None = None) -> Generator[Progress, None, Deblurring]:
    for done in range(n):
        yield Progress("deblur", done, n)
        if wait is not None:
            wait.wait(0.01)
    return RESULT


@pytest.fixture
def job(qtbot: QtBot) -> Generator[Job]:
    parent = QObject()
    yield Job(parent)
    QThreadPool.globalInstance().waitForDone()
    parent.deleteLater()


def test_progress_then_success(qtbot: QtBot, job: Job) -> None:
    progress: list[Progress] = []
    ended: list[Any] = []
    threads: list[threading.Thread] = []
    job.progressed.connect(progress.append)
    job.failed.connect(ended.append)
    job.cancelled.connect(lambda: ended.append("cancelled"))
    job.succeeded.connect(lambda _: threads.append(threading.current_thread()))
    with qtbot.waitSignal(job.succeeded, timeout=60_000) as signal:
        job.start(_steps)
        assert job.is_running()
    assert signal.args == [RESULT]
    assert progress == [Progress("deblur", done, 3) for done in range(3)]
    assert not job.is_running()
    assert threads == [threading.main_thread()]
    assert ended == []


@pytest.mark.parametrize(
    "error", [ImageError("all pixels equal"), DeviceError("no such GPU"), RuntimeError("size mismatch")]
)
def test_every_kind_of_error_ends_the_run(
    qtbot: QtBot, job: Job, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Generator[Progress, None, Deblurring]:
        yield Progress("noise", 0, 1)
        raise error

    with caplog.at_level(logging.ERROR), qtbot.waitSignal(job.failed, timeout=60_000) as signal:
        job.start(fail)
    assert signal.args is not None
    assert signal.args[0] is error
    assert signal.args[0].__traceback__ is None
    assert not job.is_running()
    # Only what nobody foresaw goes to the log, with the place where it happened.
    unforeseen = type(error) is RuntimeError
    assert ("size mismatch" in caplog.text and "in fail" in caplog.text) == unforeseen
    with qtbot.waitSignal(job.succeeded, timeout=60_000):
        job.start(_steps)


def test_cancel_is_heard_at_once_and_the_thread_stops_at_its_next_step(qtbot: QtBot, job: Job) -> None:
    outcomes: list[str] = []
    job.succeeded.connect(lambda _: outcomes.append("succeeded"))
    with qtbot.waitSignal(job.progressed, timeout=60_000):
        job.start(lambda: _steps(10_000, threading.Event()))
    with qtbot.waitSignal(job.cancelled, timeout=60_000):
        job.cancel()
    assert not job.is_running()
    assert outcomes == []


def test_nothing_comes_of_a_step_that_ends_after_the_cancel(qtbot: QtBot, job: Job) -> None:
    asked = threading.Event()
    heard: list[Any] = []
    job.succeeded.connect(heard.append)

    def steps() -> Generator[Progress, None, Deblurring]:
        yield Progress("deblur", 0, 1)
        asked.wait(60)
        return RESULT

    with qtbot.waitSignal(job.progressed, timeout=60_000):
        job.start(steps)
    with qtbot.waitSignal(job.cancelled, timeout=60_000):
        job.cancel()
    # The thread is still in its step, and yet the job is ready.
    assert not asked.is_set()
    assert not job.is_running()
    job.progressed.connect(heard.append)
    asked.set()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    qtbot.wait(50)
    assert heard == []


def test_the_next_run_waits_for_the_last_step_of_a_cancelled_one(qtbot: QtBot, job: Job) -> None:
    go_on, order = threading.Event(), []

    def first() -> Generator[Progress, None, Deblurring]:
        try:
            yield Progress("deblur", 0, 2)
            go_on.wait(60)
            yield Progress("deblur", 1, 2)
        finally:
            order.append("first ended")
        return RESULT

    def second() -> Generator[Progress, None, Deblurring]:
        order.append("second began")
        yield from _steps()
        return RESULT

    with qtbot.waitSignal(job.progressed, timeout=60_000):
        job.start(first)
    job.cancel()
    # One that is cancelled while it waits never begins.
    job.start(lambda: pytest.fail("was cancelled"))
    job.cancel()
    job.start(second)
    assert job.is_running()
    with qtbot.waitSignal(job.succeeded, timeout=60_000):
        go_on.set()
    assert order == ["first ended", "second began"]


def test_the_activity_panel_shows_the_run_while_it_lasts(qtbot: QtBot, job: Job) -> None:
    go_on = threading.Event()

    def steps() -> Generator[Progress, None, Deblurring]:
        yield Progress("identify", 1, 4)
        go_on.wait(60)
        go_on.clear()
        yield Progress("deblur", 3, 5)
        go_on.wait(60)
        return RESULT

    with qtbot.waitSignal(job.succeeded, timeout=60_000):
        job.start(steps)
        qtbot.waitUntil(lambda: activities() == [("Deblur", 1, 4)], timeout=60_000)
        go_on.set()
        qtbot.waitUntil(lambda: activities() == [("Deblur", 3, 5)], timeout=60_000)
        go_on.set()
    assert activities() == []
    with qtbot.waitSignal(job.progressed, timeout=60_000):
        job.start(lambda: _steps(10_000, threading.Event()))
    job.cancel()
    assert activities() == []


def test_a_result_on_its_way_is_not_delivered_after_a_cancel(qtbot: QtBot, job: Job) -> None:
    job.start(_steps)
    # The thread has ended, and what it emitted waits for this one.
    assert QThreadPool.globalInstance().waitForDone(60_000)
    with qtbot.assertNotEmitted(job.succeeded), qtbot.waitSignal(job.cancelled, timeout=60_000):
        job.cancel()


def test_one_at_a_time(qtbot: QtBot, job: Job) -> None:
    with qtbot.waitSignal(job.cancelled, timeout=60_000):
        job.start(lambda: _steps(10_000, threading.Event()))
        with pytest.raises(RuntimeError, match="one at a time"):
            job.start(_steps)
        job.cancel()


def test_the_end_of_the_parent_stops_the_computation(qtbot: QtBot) -> None:
    parent = QObject()
    job = Job(parent)
    left = threading.Event()

    def steps() -> Generator[Progress, None, Deblurring]:
        try:
            yield from _steps(10_000, threading.Event())
        finally:
            left.set()
        return RESULT

    with qtbot.waitSignal(job.progressed, timeout=60_000):
        job.start(steps)
    alive = weakref.ref(job)
    parent.deleteLater()
    del job, parent
    qtbot.waitUntil(left.is_set, timeout=60_000)
    assert QThreadPool.globalInstance().waitForDone(60_000)
    qtbot.wait(50)
    gc.collect()
    assert alive() is None
    assert activities() == []
