"""Many runs in one process: whether memory, threads and open files grow.

    python -m benchmarks.soak --runs 500 [--side 64] [--method wiener]

Each run identifies and deblurs an image of its own, and every tenth goes through a file. The first ten runs, in which
libraries fill their caches, do not count.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_deepblur import Microscope, ZernikeFamily, deblur
from napari_deepblur.io.images import read_image, write_tiff

WARM = 10
MEGABYTES = 50.0
"""Most growth of memory after the first runs that passes."""


class State(NamedTuple):
    """What a process holds: resident memory in MB, threads, open files, objects of Python."""

    megabytes: float
    threads: int
    handles: int
    objects: int


def state() -> State:
    """Look at this process, as Linux tells it."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    threads = max(threading.active_count(), len(os.listdir("/proc/self/task")))
    return State(
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20, threads, len(os.listdir("/proc/self/fd")), len(gc.get_objects())
    )


def soak(runs: int, side: int, method: str) -> tuple[State, State]:
    """Run, and return what the process held after the first ten runs and after the last."""
    family = ZernikeFamily(Microscope(na=1.2, wavelength_um=0.6, pixel_size_um=0.1, n_immersion=1.5), psf_size=15)
    rng = np.random.default_rng(0)
    before = state()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.tif"
        for number in range(runs):
            image = rng.poisson(100 + 400 * rng.random((side, side)) ** 8).astype(np.float32)
            if number % 10 == 0:
                write_tiff(path, image, pixel_size_um=0.1)
                image = read_image(path)
            deblur(image, family, method=method)  # type: ignore[arg-type]
            if number + 1 == WARM:
                before = state()
            if (number + 1) % 50 == 0:
                now = state()
                print(
                    f"{number + 1}: {now.megabytes:.0f} MB, {now.threads} threads, {now.handles} handles",
                    file=sys.stderr,
                )
    return before, state()


def main(words: list[str] | None = None) -> int:
    """Run, print what grew, and say by the exit status whether it grew too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--method", default="wiener")
    given = parser.parse_args(words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = soak(max(given.runs, WARM), given.side, given.method)
    grown = [a - b for a, b in zip(after, before, strict=True)]
    print(
        f"{given.runs} runs of {given.side} x {given.side} pixels by {given.method}, after the first {WARM}: memory "
        f"{grown[0]:+.1f} MB (to {after.megabytes:.0f} MB), threads {grown[1]:+.0f}, handles {grown[2]:+.0f}, objects "
        f"{grown[3]:+.0f}"
    )
    return 1 if grown[0] > MEGABYTES or grown[1] > 0 or grown[2] > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
