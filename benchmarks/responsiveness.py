"""How long the window waits during a run, how long a cancel and a preview take, as a Markdown table.

    xvfb-run -a python -m benchmarks.responsiveness --output benchmarks/results/responsiveness.md

A napari window with the Deblur dock deblurs a simulated image. A timer of 50 ms counts in the event loop; the longest
interval between two ticks, less 50 ms, is how long a click or a repaint had to wait. The run is then started again and
cancelled at several moments; the time is from the click until the dock is ready for the next run, and until the
computation has let go of the processor. A preview is one of 256 x 256 pixels with its halo, as the dock asks for it.
A busy machine makes all times larger; processor times, of the window's thread in its longest wait and of the whole
program in a preview, tell how much of them is our doing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from qtpy.QtCore import QThreadPool, QTimer
from qtpy.QtWidgets import QApplication, QPushButton

from napari_deepblur import Microscope, ZernikeFamily
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.preview import Region, preview
from napari_deepblur.widgets.deblur.dock import DeblurDock

TICK_MS = 50
CANCEL_AT = (0.05, 0.2, 0.4, 0.6, 0.8)
"""Shares of the time of a whole run."""


class Waiting(NamedTuple):
    """Seconds that the window waited, of one run; `busy` is its own processor time in the longest wait."""

    longest: float
    busy: float
    ninety_ninth: float
    run: float


def simulated(side: int, seed: int = 3) -> NDArray[np.float32]:
    """Blobs of all sizes, blurred and noisy, in counts."""
    rng = np.random.default_rng(seed)
    family = ZernikeFamily(Microscope())
    theta = family.sample(1, seed)[0]
    operator = family.operator(theta, (side, side))
    scene = rng.uniform(0, 1, operator.scene_shape)
    spectrum = np.fft.rfft2(scene)
    rows, columns = (np.fft.fftfreq(n) for n in scene.shape)
    frequency = np.hypot(rows[:, None], columns[None, : spectrum.shape[1]])
    scene = np.fft.irfft2(spectrum / (frequency + 0.01), s=scene.shape)
    scene = np.clip((scene - scene.mean()) / scene.std(), 0, 4) / 4
    return rng.poisson(1000 * np.clip(operator.forward(scene), 0, None) + 20).astype(np.float32)


def wait_until(condition: Callable[[], bool], app: QApplication, limit_s: float = 600) -> None:
    """Let the event loop go round."""
    end = time.perf_counter() + limit_s
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"nothing came within {limit_s} s")
        app.processEvents()
        time.sleep(0.002)


def measure_run(dock: DeblurDock, button: QPushButton, app: QApplication) -> Waiting:
    """Run to the end while a timer ticks."""
    ticks: list[tuple[float, float]] = []
    timer = QTimer()
    timer.setInterval(TICK_MS)
    timer.timeout.connect(lambda: ticks.append((time.perf_counter(), time.thread_time())))
    timer.start()
    wait_until(lambda: len(ticks) > 5, app)
    ticks.clear()
    start = time.perf_counter()
    button.click()
    wait_until(lambda: not dock.isRunning(), app)
    end = time.perf_counter()
    wait_until(lambda: ticks[-1][0] > end, app)
    timer.stop()
    times, busy = np.diff(np.array(ticks), axis=0).T
    waits = times - TICK_MS / 1e3
    worst = int(waits.argmax())
    return Waiting(float(waits[worst]), float(busy[worst]), float(np.percentile(waits, 99)), end - start)


def measure_cancel(dock: DeblurDock, button: QPushButton, app: QApplication, after_s: float) -> tuple[float, float]:
    """Seconds from the click on Cancel until the dock is ready, and until nothing computes any more."""
    start = time.perf_counter()
    button.click()
    wait_until(lambda: time.perf_counter() - start > after_s or not dock.isRunning(), app)
    if not dock.isRunning():
        raise RuntimeError(f"the run had ended before it could be cancelled after {after_s:.1f} s")
    clicked = time.perf_counter()
    button.click()
    wait_until(lambda: not dock.isRunning(), app)
    ready = time.perf_counter() - clicked
    threads = QThreadPool.globalInstance()
    assert threads is not None
    wait_until(lambda: threads.activeThreadCount() == 0, app)
    return ready, time.perf_counter() - clicked


def measure_previews(image: NDArray[np.float32]) -> list[tuple[str, float, float]]:
    """Seconds, and seconds of the processor, of previews in the middle of an image."""
    middle = image.shape[0] // 2
    region = Region(middle - 128, middle - 128, middle + 128, middle + 128)
    rows = []
    known = None
    for name in ("the first", "the next", "with another method"):
        settings = DeblurSettings() if name != "with another method" else DeblurSettings(method="wiener")
        start, busy = time.perf_counter(), time.process_time()
        shown = preview(plan(settings, image.shape), image, region, known)
        rows.append((name, time.perf_counter() - start, time.process_time() - busy))
        known = shown.result.identification if name == "the next" else None
    return rows


def main() -> None:
    """Measure and print."""
    from napari.viewer import Viewer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024, help="side of the image in pixels")
    parser.add_argument("--output", type=Path, help="Markdown file; printed as well")
    options = parser.parse_args()
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    image = simulated(options.side)
    # As the dock does, not in the thread of the window.
    with ThreadPoolExecutor(1) as pool:
        previews = pool.submit(measure_previews, image).result()
    viewer = Viewer()
    viewer.add_image(image, name="simulated", scale=(0.1, 0.1), units=("um", "um"))
    dock = DeblurDock(viewer)
    viewer.window.add_dock_widget(dock, name="Deblur")
    button = dock.findChild(QPushButton, "run")
    assert button is not None
    load = os.getloadavg()[0]
    waiting = measure_run(dock, button, app)
    lines = [
        f"`python -m benchmarks.responsiveness --side {options.side}`: {options.side} x {options.side} pixels, "
        f"{os.cpu_count()} cores, load of the machine before {load:.1f}, torch {torch.__version__}.",
        "",
        "| what | seconds |",
        "|---|---|",
        f"| the run | {waiting.run:.1f} |",
        f"| longest wait of the window (its own processor time in it) | {waiting.longest:.3f} ({waiting.busy:.3f}) |",
        f"| 99th percentile of its waits | {waiting.ninety_ninth:.3f} |",
    ]
    for share in CANCEL_AT:
        after = share * waiting.run
        ready, free = measure_cancel(dock, button, app, after)
        lines.append(f"| cancel after {after:.1f} s: dock ready, processor free | {ready:.2f}, {free:.2f} |")
    for name, seconds, busy in previews:
        lines.append(f"| preview of 256 x 256, {name} (processor time) | {seconds:.2f} ({busy:.2f}) |")
    print("\n".join(lines))
    if options.output is not None:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    viewer.close()


if __name__ == "__main__":
    main()
