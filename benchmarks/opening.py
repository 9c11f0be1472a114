"""From the menu to a dock that can be used, in a program that has napari and nothing of ours, as a Markdown table.

    xvfb-run -a python -m benchmarks.opening --side 3000

A timer of 20 ms counts in the event loop, from the choice in the menu until two seconds after torch, and all that the
dock computes with, are loaded behind it; the longest interval between two ticks, less 20 ms, is how long a click had to
wait. On a busy machine all times are larger: processor times, of the whole program from the choice on and of the
window's own thread in its longest wait, tell how much of them is our doing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_deepblur.widgets.loading import is_loading
from napari_deepblur.widgets.opening import LoadingDock

TICK_MS = 20
_SETTLED_S, _BEGUN_S, _AFTER_S = 1.0, 0.2, 2.0


def main() -> None:
    """Measure and print."""
    from napari.viewer import Viewer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=3000, help="side of the image in the viewer, in pixels")
    parser.add_argument("--dock", choices=("Deblur", "Bead calibration"), default="Deblur", help="which (Deblur)")
    options = parser.parse_args()
    viewer = Viewer()
    app = QApplication.instance()
    assert app is not None
    image = np.random.default_rng(0).poisson(100, (options.side, options.side)).astype(np.uint16)
    viewer.add_image(image, scale=(0.1, 0.1), units=("um", "um"))
    ticks: list[tuple[float, float]] = []
    timer = QTimer()
    timer.setInterval(TICK_MS)
    timer.timeout.connect(lambda: ticks.append((time.perf_counter(), time.thread_time())))

    def go_on(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            app.processEvents()
            time.sleep(0.002)

    go_on(_SETTLED_S)
    if "torch" in sys.modules:
        raise RuntimeError("torch is loaded already: start a new process")
    load = os.getloadavg()[0]
    timer.start()
    start, busy = time.perf_counter(), time.process_time()
    _, holder = viewer.window.add_plugin_dock_widget("napari-deepblur", options.dock)
    app.processEvents()
    sign = time.perf_counter() - start
    assert isinstance(holder, LoadingDock)
    while not holder.is_loaded():
        go_on(0)
        app.processEvents()
        time.sleep(0.002)
    dock, until_dock = time.perf_counter() - start, time.process_time() - busy
    shown = len(ticks)
    go_on(_BEGUN_S)
    while is_loading():
        go_on(0)
        app.processEvents()
        time.sleep(0.002)
    loaded, until_loaded = time.perf_counter() - start, time.process_time() - busy
    go_on(_AFTER_S)
    timer.stop()
    print(
        f"`python -m benchmarks.opening --side {options.side}`: {options.dock}, {os.cpu_count()} cores, load of the "
        f"machine before {load:.1f}.\n\n| what | seconds |\n|---|---|\n"
        f"| the sign that it loads | {sign:.2f} |\n| the dock (processor time) | {dock:.2f} ({until_dock:.2f}) |\n"
        f"| all that it computes with (processor time) | {loaded:.2f} ({until_loaded:.2f}) |\n"
        f"| longest wait until the dock (the window's own processor time in it) | {_longest(ticks[:shown])} |\n"
        f"| longest wait after that (the same) | {_longest(ticks[shown - 1 :])} |"
    )
    viewer.close()


def _longest(ticks: list[tuple[float, float]]) -> str:
    """Say how long the window stood still at most, and its own processor time then; in seconds."""
    waits, own = np.diff(np.array(ticks), axis=0).T
    worst = int(waits.argmax())
    return f"{max(waits[worst] - TICK_MS / 1e3, 0):.2f} ({own[worst]:.2f})"


if __name__ == "__main__":
    main()
