"""Files worked on one after another, or by several processes, of which one that dies costs one file.

The pool of `concurrent.futures` gives up all files when one of its processes is killed, and does not say at which.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from napari_deepblur.batch.standard_error import leave_out_foreign_logs, one_line_warnings
from napari_deepblur.errors import DeepblurError
from napari_deepblur.progress import finished

Pair = tuple[Path, Path]
Work = Callable[[Path, Path], object]
"""Makes a result of an image; returns True where there was nothing to do, as the result is up to date, or else
whatever there is to tell of it."""

Step = TypeVar("Step")
Result = TypeVar("Result")

_THREADS = "OMP_NUM_THREADS"
_BEAT_S = 0.2
"""Between two looks of whoever may want to give it up."""

_PATIENCE = 10.0
"""Seconds that a process has to tidy up when all is given up."""


class Outcome(NamedTuple):
    """What became of one file.

    Attributes
    ----------
    image, target
        The file and its result.
    seconds
        That it took.
    error
        Why there is no result; empty where there is one.
    skipped
        Whether the result was there already.
    told
        What the work has returned.
    """

    image: Path
    target: Path
    seconds: float
    error: str
    skipped: bool = False
    told: Any = None


def attempt(work: Work, pair: Pair) -> Outcome:
    """Work on one file, and tell what became of it, whatever it raises."""

    def steps() -> Generator[None, None, object]:
        return work(*pair)
        yield  # a computation of no steps

    told, error, seconds = finished(attempted(steps))
    return Outcome(*pair, seconds, error, told is True, told)


def attempted(
    steps: Callable[[], Generator[Step, None, Result]],
) -> Generator[Step, None, tuple[Result | None, str, float]]:
    """Run a computation; return its value, or why there is none, and the seconds that it took, whatever it raises."""
    begun = time.monotonic()
    value, error = None, ""
    try:
        value = yield from steps()
    except BrokenPipeError:
        raise
    except Exception as raised:
        # Whatever one file does to a decoder or to the memory, the others are other files.
        error = said_of(raised)
    return value, error, time.monotonic() - begun


def said_of(error: BaseException) -> str:
    """Return one line on what an image failed of; an error that was not expected has the name of its kind."""
    words = " ".join(str(error).split())
    if isinstance(error, DeepblurError):
        return words
    if isinstance(error, MemoryError):
        return f"It does not fit into memory ({words or 'MemoryError'}). Crop it, or close other programs."
    return f"{type(error).__name__}: {words}. This was not expected: please report it with the file."


def threads_of(jobs: int) -> int:
    """Threads of each of several processes: all cores together, or what OMP_NUM_THREADS says."""
    told = os.environ.get(_THREADS, "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, cores // jobs)


def outcomes(pairs: Sequence[Pair], work: Work, jobs: int) -> Iterator[Outcome]:
    """Work on all files, and tell what became of each when it is done.

    Parameters
    ----------
    pairs
        Files and their results.
    work
        What is done with each; for several processes it can be sent to them.
    jobs
        Number of processes; 1 for this one.
    """
    if jobs == 1 or len(pairs) == 1:
        for pair in pairs:
            yield attempt(work, pair)
        return
    with closing(at_once(pairs, work, jobs)) as steps:
        yield from (step for step in steps if isinstance(step, Outcome))


def at_once(pairs: Sequence[Pair], work: Work, jobs: int) -> Generator[int | Outcome | None, None, None]:
    """Work on files in several processes, which end where it is closed.

    Parameters
    ----------
    pairs, work, jobs
        As `outcomes` takes them.

    Returns
    -------
    Generator
        Yields the number of a file when work on it begins, its outcome when it is done, and None in between, several
        times a second.
    """
    left = list(enumerate(pairs))[::-1]
    threads = threads_of(min(jobs, len(pairs)))
    busy: dict[Connection, tuple[BaseProcess, Pair, float]] = {}
    idle: list[tuple[Connection, BaseProcess]] = []
    try:
        while left or busy:
            while left and len(busy) < jobs:
                connection, process = idle.pop() if idle else _started(work, threads)
                number, pair = left.pop()
                busy[connection] = process, pair, time.monotonic()
                try:
                    connection.send(pair)
                except OSError:
                    pass  # it is dead, which reading from it tells
                yield number
            told = wait(list(busy), _BEAT_S)
            if not told:
                yield None
            for ready in told:
                assert isinstance(ready, Connection)
                process, pair, begun = busy.pop(ready)
                try:
                    outcome = ready.recv()
                    idle.append((ready, process))
                except (EOFError, OSError):
                    process.join()
                    outcome = Outcome(*pair, time.monotonic() - begun, _death(process.exitcode))
                yield outcome
    finally:
        for connection, process in [*idle, *((connection, process) for connection, (process, *_) in busy.items())]:
            connection.close()
            if connection in busy:
                process.terminate()
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()


def _started(work: Work, threads: int) -> tuple[Connection, BaseProcess]:
    """Start a process that works on the files it is sent."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    before = os.environ.get(_THREADS)
    # Read when NumPy and torch are loaded, which is before the process could set it itself.
    os.environ[_THREADS] = str(threads)
    try:
        process = context.Process(target=_serve, args=(theirs, work, threads), daemon=True)
        with _without_a_program(), _deaf_to_ctrl_c():
            process.start()
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
    theirs.close()
    return ours, process


@contextmanager
def _without_a_program() -> Iterator[None]:
    """Keep a new process from running the program again: a script that opens napari would open it once more in each."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let a new process not hear Ctrl-C, which reaches all of a terminal: whoever started it ends it.

    It would break off wherever it is, which while it loads libraries is a long traceback from each.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Whatever starts this helper of Python's lets signals in again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        # One that came meanwhile arrives here.
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Any, work: Work, threads: int) -> None:
    # Where there are no masks of signals, it is told so only here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, _given_up)
    warnings.showwarning = one_line_warnings()
    leave_out_foreign_logs()
    try:
        while True:
            connection.send(attempt(work, connection.recv()))
    except (EOFError, OSError, KeyboardInterrupt):
        # The other side has all it wanted, or is gone.
        return


def _given_up(*_: object) -> None:
    # As Ctrl-C: what it writes is let go of in order.
    raise SystemExit(128 + signal.SIGTERM)


def _death(code: int | None) -> str:
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return f"The process that worked on it was killed ({how}). Was there too little memory? Try fewer at once (--jobs)."
