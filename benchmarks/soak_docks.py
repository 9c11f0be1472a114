"""Many runs by the Deblur dock of one window: whether memory, threads, open files and Qt's objects grow.

    xvfb-run -a python -m benchmarks.soak_docks --runs 100 [--side 64] [--reopen 10]

Each run deblurs an image of its own and removes all layers; every tenth, the dock is closed and opened again. The first
ten runs do not count, as in `benchmarks.soak`.
"""

from __future__ import annotations

import argparse
import gc
import sys
import warnings
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QPushButton

from benchmarks.responsiveness import simulated, wait_until
from benchmarks.soak import MEGABYTES, WARM, State, state

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.widgets.deblur.dock import DeblurDock

OBJECTS = 20
"""Most widgets more that pass: napari has some that come and go."""


class DockState(NamedTuple):
    """What the process holds, and its widgets."""

    process: State
    widgets: int


def dock_state(app: QApplication) -> DockState:
    """Look at this process once nothing is left to be deleted."""
    for _ in range(20):
        app.processEvents()
        # Outside of an event loop nothing else deletes what is to be deleted later.
        app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    return DockState(state(), len(QApplication.allWidgets()))


def run_once(viewer: Viewer, dock: DeblurDock, app: QApplication) -> None:
    """Click, wait for the result, and remove all layers."""

    def loaded() -> bool:
        button = dock.findChild(QPushButton, "run")
        return button is not None and button.isEnabled()

    # The contents of the dock come when they are loaded.
    wait_until(loaded, app)
    button, layers = dock.findChild(QPushButton, "run"), len(viewer.layers)
    assert button is not None
    button.click()
    wait_until(lambda: not dock.isRunning(), app)
    if len(viewer.layers) == layers:
        raise RuntimeError("the run left no result")
    viewer.layers.clear()


def soak(app: QApplication, runs: int, side: int, reopen: int) -> tuple[DockState, DockState]:
    """Run, and return what the process held after the first ten runs and after the last."""
    from napari.viewer import Viewer

    viewer = Viewer(show=False)
    before, dock = dock_state(app), None
    for number in range(runs):
        viewer.add_image(simulated(side, number), name="simulated", scale=(0.1, 0.1), units=("um", "um"))
        if dock is None:
            frame, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
        run_once(viewer, dock, app)
        if (number + 1) % reopen == 0:
            viewer.window.remove_dock_widget(frame)
            dock = None
        if number + 1 == WARM:
            before = dock_state(app)
        if (number + 1) % 10 == 0:
            now = dock_state(app)
            print(
                f"{number + 1}: {now.process.megabytes:.0f} MB, {now.process.threads} threads, "
                f"{now.process.handles} handles, {now.widgets} widgets",
                file=sys.stderr,
            )
    after = dock_state(app)
    viewer.close()
    return before, after


def main(words: list[str] | None = None) -> int:
    """Run, print what grew, and say by the exit status whether it grew too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--reopen", type=int, default=10)
    given = parser.parse_args(words)
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = soak(app, max(given.runs, WARM), given.side, given.reopen)
    grown = [a - b for a, b in zip(after.process, before.process, strict=True)]
    widgets = after.widgets - before.widgets
    print(
        f"{given.runs} runs by the dock of {given.side} x {given.side} pixels, after the first {WARM}: memory "
        f"{grown[0]:+.1f} MB (to {after.process.megabytes:.0f} MB), threads {grown[1]:+.0f}, handles {grown[2]:+.0f}, "
        f"widgets {widgets:+d}"
    )
    return 1 if grown[0] > MEGABYTES or grown[1] > 0 or grown[2] > 0 or widgets > OBJECTS else 0


if __name__ == "__main__":
    sys.exit(main())
