"""How far a long computation has come: one value, whatever is computed.

Everything that takes long is a generator. It yields `Progress`, and perhaps parts of its result, returns its result,
and stops where it is closed, which is what Cancel does.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

_PARTS = 100
"""Units of progress of one of several equal parts."""

Step = TypeVar("Step")
Changed = TypeVar("Changed")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """How far a computation has come.

    Attributes
    ----------
    stage
        What is being done, such as ``"identify"``.
    done, total
        Work done and work in all, in arbitrary but equal units.
    detail
        Which of several parts it is being done to, such as ``"3/20"``; empty where there is one.
    """

    stage: str
    done: int
    total: int
    detail: str = ""


def finished(steps: Generator[Step, None, Result], seen: Callable[[Step], object] | None = None) -> Result:
    """Run a computation to its end and return its value; also where it is interrupted, it is closed.

    Parameters
    ----------
    steps
        The computation.
    seen
        Called with everything that it yields.
    """
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                value: Result = stop.value
                return value
            if seen is not None:
                seen(step)
    finally:
        steps.close()


def changed(
    steps: Generator[Step, None, Result], change: Callable[[Step], Changed]
) -> Generator[Changed, None, Result]:
    """Run a computation with everything that it yields changed; its value is as it was."""
    return _passed_on(steps, lambda step: (change(step),))


def only_progress(
    steps: Generator[Any, None, Result], seen: Callable[[Any], object] | None = None
) -> Generator[Progress, None, Result]:
    """Run a computation with its progress alone; whatever else it yields is handed to `seen`."""

    def progress_of(step: Any) -> tuple[Progress, ...]:
        if isinstance(step, Progress):
            return (step,)
        if seen is not None:
            seen(step)
        return ()

    return _passed_on(steps, progress_of)


def _passed_on(
    steps: Generator[Step, None, Result], become: Callable[[Step], Iterable[Changed]]
) -> Generator[Changed, None, Result]:
    """Run a computation, yielding what each of its steps becomes; closing this one closes it."""
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                value: Result = stop.value
                return value
            yield from become(step)
    finally:
        steps.close()


def within(
    steps: Generator[Step, None, Result], start: int, stop: int, total: int, detail: str = ""
) -> Generator[Step, None, Result]:
    """Run a part of a computation, with its progress as that of the whole.

    Work that the part has to do again is not taken back. What it yields beside progress is left as it is.

    Parameters
    ----------
    steps
        The part.
    start, stop, total
        What is done of the whole before the part and after it, and the whole, in its units.
    detail
        Which part it is, where the part itself does not say.
    """
    furthest = start

    def place(step: Step) -> Step:
        nonlocal furthest
        if not isinstance(step, Progress):
            return step
        furthest = max(furthest, start + (stop - start) * step.done // max(step.total, 1))
        return replace(step, done=furthest, total=total, detail=step.detail or detail)

    return changed(steps, place)


def one_of(
    steps: Generator[Step, None, Result], number: int, count: int, detail: str = ""
) -> Generator[Step, None, Result]:
    """Run one of `count` equal parts, whose numbers begin at 0, with its progress as that of all (`within`)."""
    return within(steps, _PARTS * number, _PARTS * (number + 1), _PARTS * count, detail)
