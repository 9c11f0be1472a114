"""A queue of computations, one after another: one that fails is named, and the others are done all the same."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

from napari_deepblur.batch.workers import attempted
from napari_deepblur.progress import Progress, one_of

Result = TypeVar("Result")

Work = Callable[[], Generator[Any, None, Result]]
"""Starts a computation that yields its progress, and perhaps parts of its result, and returns its result."""


class Began(NamedTuple):
    """A computation of the queue begins: its number, from 0."""

    number: int


class Part(NamedTuple):
    """What a computation of that number has yielded beside its progress."""

    number: int
    step: Any


class Ended(NamedTuple, Generic[Result]):
    """What became of the computation of that number: its value, or why there is none, and the seconds that it took."""

    number: int
    result: Result | None
    error: str
    seconds: float


def queue_steps(
    works: Sequence[Work[Result]], what: str = "file"
) -> Generator[Progress | Began | Part | Ended[Result], None, list[Ended[Result]]]:
    """Do one thing after another, step by step. What has ended stays, also where the queue is given up.

    Parameters
    ----------
    works
        The computations.
    what
        What each is about, in a word: `Progress` says "file 2 of 5".

    Returns
    -------
    list of Ended
        As the value of the generator.
    """
    ended: list[Ended[Result]] = []
    for number, work in enumerate(works):
        yield Began(number)
        where = f"{what} {number + 1} of {len(works)}"
        steps = one_of(attempted(work), number, len(works))
        try:
            while True:
                step = next(steps)
                # A frame of a file is a detail of a detail.
                yield replace(step, detail=where) if isinstance(step, Progress) else Part(number, step)
        except StopIteration as stop:
            ended.append(Ended(number, *stop.value))
        finally:
            steps.close()
        yield ended[-1]
    return ended
