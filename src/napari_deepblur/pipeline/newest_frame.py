"""A place for the newest frame: who is slower than the camera takes that, and the others are counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import DeepblurError, ImageError


class Taken(NamedTuple):
    """A frame that was taken.

    Attributes
    ----------
    number
        Of all that have arrived, from 0.
    plane
        Rows and columns.
    arrived, dropped
        How many frames have arrived so far, and how many of them nobody took.
    """

    number: int
    plane: NDArray[Any]
    arrived: int
    dropped: int


class NewestFrame:
    """Holds one frame, the newest, between who makes frames and who works on them, in any two threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: tuple[int, Callable[[], NDArray[Any]]] | None = None
        self._arrived = self._dropped = 0
        self._error: Exception | None = None
        self._closed = False

    def put(self, frame: NDArray[Any] | Callable[[], NDArray[Any]], missed: int = 0) -> None:
        """Hand in a frame; one that waits is dropped.

        Parameters
        ----------
        frame
            Rows and columns, or what reads them when they are taken.
        missed
            Frames that the source made since the one before, and nobody saw: they count as dropped, too.
        """
        with self._changed:
            if self._closed:
                return
            self._dropped += missed + (self._waiting is not None)
            self._arrived += missed + 1
            self._waiting = self._arrived - 1, frame if callable(frame) else lambda: frame
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        """Say why there will be no more frames; who takes the next one is told."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Say that there will be no more frames."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_closed(self) -> bool:
        """Tell whether there will be no more frames, and none waits."""
        with self._changed:
            return self._closed and self._waiting is None

    def take(self, patience_s: float) -> Taken | None:
        """Return the newest frame as soon as there is one; None where none came in so many seconds.

        Raises
        ------
        ImageError
            If the source of the frames has failed, or its frame cannot be read.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._error or self._closed, patience_s)
            waiting, self._waiting = self._waiting, None
            arrived, dropped, error = self._arrived, self._dropped, self._error
        if waiting is None:
            if error is not None:
                raise failure(error) from error
            return None
        number, read = waiting
        try:
            return Taken(number, np.asarray(read()), arrived, dropped)
        except Exception as raised:
            # Whatever a camera or a file does.
            raise failure(raised) from raised


def failure(error: Exception) -> DeepblurError:
    """Return what is said about a source of frames that has failed."""
    if isinstance(error, DeepblurError):
        return error
    return ImageError(
        f"The source of the frames failed ({type(error).__name__}: {error}). Is the camera connected, and the file "
        "there?"
    )
