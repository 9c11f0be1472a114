"""A run in napari's activity panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.utils import progress

    from napari_deepblur.progress import Progress

_SHOWN: set[Activity] = set()
"""Those that have a bar. Qt forgets a slot whose object nobody holds, and napari would keep the bar for good."""


class Activity:
    """One bar in the activity panel, there from the first progress to the end of a run.

    Used only in the thread of the window.

    Parameters
    ----------
    title
        What stands beside the bar.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: progress[int] | None = None
        self._showing = False

    def show(self, state: Progress) -> None:
        """Show how far the run has come."""
        from napari.utils import progress

        # napari lets the event loop go round in here, and so brings the next progress, or the end of the run.
        if self._showing:
            return
        self._showing = True
        try:
            if self._bar is None:
                self._bar = progress(total=state.total, desc=self._title)
                _SHOWN.add(self)
            bar = self._bar
            # The amount of work may grow when more of it is known.
            if bar.total != state.total:
                bar.total = state.total
            if bar.n != state.done and bar is self._bar:
                bar.update(state.done - bar.n)
        finally:
            self._showing = False

    def close(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        _SHOWN.discard(self)
