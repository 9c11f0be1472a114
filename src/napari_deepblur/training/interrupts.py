"""Ctrl-C and the request to terminate, taken between the steps of a training run and never within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Signals that wait for the end of a step, so that what is saved then is a state that the run was in.

    SIGINT and SIGTERM are handled from `begin` to `end`, in the main thread; elsewhere they do not arrive. A
    second signal within the same step does not wait, and the step is lost.

    Attributes
    ----------
    between
        Whether the run is between two steps, so that its state may be saved.
    """

    def __init__(self) -> None:
        self.between = True
        self._asked: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def begin(self) -> None:
        """Begin to handle the signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._arrived) for number in _SIGNALS}

    def end(self) -> None:
        """Hand the signals back to whom they came to before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step, all of it or nothing: where it fails the run is not `between` any more.

        Raises
        ------
        KeyboardInterrupt, SystemExit
            After the step, where Ctrl-C was pressed or termination requested during it; with the status 143 the latter.
        """
        self.between = False
        yield
        self.between = True
        if self._asked is not None:
            _stop(self._asked)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        second, self._asked = self._asked is not None, number
        if self.between or second:
            _stop(number)


def _stop(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
