"""Runs that are killed, and given again: whether they make the pixels of one that never was.

    python -m benchmarks.killed driver --kills 5 --side 520      # SIGKILL at random moments, the same command again
    python -m benchmarks.killed driver --suffix .ome.tif --known --side 1030      # no identification: more of it tiles
    python -m benchmarks.killed worker --files 6 --side 256      # two dask workers, one killed half-way

The moments are spread over the time that a whole run takes, from its first import to its last byte: the seed draws
them. A run that is over before its moment counts as one that was not killed, and is drawn again. Each row has what the
killed run had left behind. Status 1 where a pixel or the record differs.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMMAND = "import sys; from napari_deepblur.cli import main; sys.exit(main(sys.argv[1:]))"
DEFAULTS = ("--pixel-size-um", "0.09", "--method", "wiener", "--device", "cpu", "--tile", "128", "--quiet")
KNOWN = ("--theta", *["0.05"] * 8)
ALIKE = dict(os.environ, OMP_NUM_THREADS="1")
"""Sums over other numbers of threads are rounded otherwise."""


def write_image(path: Path, side: int, seed: int) -> None:
    """Write blurred points in Poisson noise."""
    import tifffile
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    points = gaussian_filter((rng.uniform(size=(side, side)) > 0.97).astype(float), 1.5)
    tifffile.imwrite(path, rng.poisson(100 + 4000 * points).astype(np.uint16))


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """Start the command line, as a shell would."""
    words = [sys.executable, "-c", COMMAND, "deblur", *map(str, arguments), *DEFAULTS]
    return subprocess.Popen(words, env=ALIKE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that is to succeed."""
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(said.decode())


def result(path: Path) -> tuple[NDArray[Any], Any]:
    """Read the pixels and the record."""
    from napari_deepblur.io.open_image import open_image
    from napari_deepblur.io.records import record_in

    with open_image(path) as image:
        return np.asarray(image), record_in(path)


def left_behind(folder: Path) -> str:
    """Say what lies beside the images."""
    places = [path for path in sorted(folder.iterdir()) if path.name != "image.tif" and "whole" not in path.name]
    blocks = sum(path.is_file() for place in places for path in place.rglob("c/**/*"))
    return f"{blocks} blocks; {', '.join(path.name for path in places) or 'nothing'}"


def drivers(kills: int, side: int, seed: int, suffix: str, known: bool = False) -> int:
    """Kill the command at random moments, give it again, compare."""
    rng = np.random.default_rng(seed)
    theta = KNOWN if known else ()
    worst = 0
    with tempfile.TemporaryDirectory(prefix="killed-") as name:
        folder = Path(name)
        image, whole, out = folder / "image.tif", folder / f"whole{suffix}", folder / f"out{suffix}"
        write_image(image, side, seed)
        begun = time.monotonic()
        finish(start(image, "-o", whole, *theta))
        seconds = time.monotonic() - begun
        expected, record = result(whole)
        print(f"Whole run: {seconds:.1f} s.\n\n| killed after, s | left behind | again, s | pixels | record |")
        print("|---|---|---|---|---|", flush=True)
        done = 0
        while done < kills:
            moment = float(rng.uniform(0, seconds))
            process = start(image, "-o", out, *theta)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode != -signal.SIGKILL:
                _remove(out)
                continue
            done += 1
            left = left_behind(folder)
            begun = time.monotonic()
            finish(start(image, "-o", out, *theta))
            pixels, found = result(out)
            same = bool(np.array_equal(pixels, expected))
            worst = max(worst, int(not same or found != record))
            words = "equal" if same else f"differ by {np.abs(pixels - expected).max():.3g}"
            again = time.monotonic() - begun
            said = "equal" if found == record else "differs"
            print(f"| {moment:.1f} | {left} | {again:.1f} | {words} | {said} |", flush=True)
            _remove(out)
    return worst


def workers(files: int, side: int, seed: int) -> int:
    """Kill one of two dask workers when half of the files are done; compare with one process and no cluster."""
    with tempfile.TemporaryDirectory(prefix="killed-") as name:
        folder = Path(name)
        images = [folder / f"image{number}.tif" for number in range(files)]
        for number, image in enumerate(images):
            write_image(image, side, seed + number)
        finish(start(*images, "-o", folder / "alone"))
        address = folder / "scheduler.json"
        cluster = [_dask("scheduler", "--scheduler-file", address, "--no-dashboard", "--port", "0")]
        try:
            cluster += [_dask("worker", "--scheduler-file", address, "--nthreads", "1", "--no-dashboard", "--no-nanny")]
            cluster += [_dask("worker", "--scheduler-file", address, "--nthreads", "1", "--no-dashboard", "--no-nanny")]
            driver = start(*images, "-o", folder / "cluster", "--scheduler", address)
            while driver.poll() is None and len(list((folder / "cluster").glob("*.ome.tif"))) < files // 2:
                time.sleep(0.05)
            cluster[1].send_signal(signal.SIGKILL)
            there = len(list((folder / "cluster").glob("*.ome.tif")))
            print(f"Worker {cluster[1].pid} was killed when {there} of {files} files were there.", flush=True)
            finish(driver)
        finally:
            for process in cluster:
                process.kill()
                process.wait()
        differing = 0
        for image in images:
            made = f"{image.stem}_deblurred.ome.tif"
            one, other = result(folder / "alone" / made), result(folder / "cluster" / made)
            differing += not (np.array_equal(one[0], other[0]) and one[1] == other[1])
    print(f"{files - differing} of {files} results have equal pixels and records.")
    return int(differing > 0)


def _dask(*arguments: object) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "dask", *map(str, arguments)]
    return subprocess.Popen(words, env=ALIKE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main(words: Sequence[str] | None = None) -> int:
    """Kill drivers or a worker; 1 where a result differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("who", choices=("driver", "worker"))
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--files", type=int, default=6)
    parser.add_argument("--side", type=int, default=520)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--suffix", default=".ome.zarr", choices=(".ome.zarr", ".ome.tif"))
    parser.add_argument("--known", action="store_true", help="a known blur, instead of identifying it")
    given = parser.parse_args(words)
    if given.who == "driver":
        return drivers(given.kills, given.side, given.seed, given.suffix, given.known)
    return workers(given.files, given.side, given.seed)


if __name__ == "__main__":
    sys.exit(main())
