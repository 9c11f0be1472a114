"""A queue of computations: each named when it begins and ends, whatever another one does."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

import pytest

from napari_deepblur.batch.queue import Began, Ended, Part, queue_steps
from napari_deepblur.errors import ImageError
from napari_deepblur.progress import Progress, finished


def _work(value: int, closed: list[int] | None = None) -> Generator[Any, None, int]:
    try:
        yield Progress("deblur", 1, 2, "1/7")
        yield f"part of {value}"
        yield Progress("deblur", 2, 2)
    finally:
        if closed is not None:
            closed.append(value)
    return value


def _broken(error: Exception) -> Generator[Any, None, int]:
    yield Progress("noise", 0, 1)
    raise error


def test_one_that_fails_is_named_and_the_others_are_done() -> None:
    works = [
        partial(_work, 1),
        partial(_broken, ImageError("dark")),
        partial(_broken, KeyError("x")),
        partial(_work, 4),
    ]
    seen: list[Any] = []
    ended = finished(queue_steps(works), seen.append)
    assert [one.result for one in ended] == [1, None, None, 4]
    assert [one.error.split(".")[0] for one in ended] == ["", "dark", "KeyError: 'x'", ""]
    assert [step.number for step in seen if isinstance(step, Began)] == [0, 1, 2, 3]
    assert [step for step in seen if isinstance(step, Ended)] == ended
    assert [step for step in seen if isinstance(step, Part)] == [Part(0, "part of 1"), Part(3, "part of 4")]


def test_progress_is_that_of_the_whole_queue() -> None:
    steps = queue_steps([partial(_work, 1), partial(_work, 2)], "layer")
    progress = [step for step in steps if isinstance(step, Progress)]
    assert [(step.done, step.total) for step in progress] == [(50, 200), (100, 200), (150, 200), (200, 200)]
    assert [step.detail for step in progress] == ["layer 1 of 2"] * 2 + ["layer 2 of 2"] * 2


def test_given_up_it_closes_what_it_was_at_and_begins_nothing_more() -> None:
    closed: list[int] = []
    steps = queue_steps([partial(_work, value, closed) for value in (1, 2, 3)])
    for step in steps:
        if step == Part(1, "part of 2"):
            break
    steps.close()
    assert closed == [1, 2]


def test_a_reader_that_went_away_ends_all() -> None:
    with pytest.raises(BrokenPipeError):
        finished(queue_steps([partial(_broken, BrokenPipeError()), partial(_work, 2)]))
