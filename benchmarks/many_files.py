"""Many files, some of them corrupt: what comes out, and whether two processes are faster than one.

    python -m benchmarks.many_files --files 200 --side 96 --jobs 1 2

Three of the files are cut off, empty, and of another kind under the name of an image. A row for each number of
processes: results, names of the failed, exit status, seconds, and the processor time that its processes took, which
tells cores that were busy with something else from work that was done twice.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.killed import COMMAND, KNOWN, write_image

OPTIONS = ("--pixel-size-um", "0.09", "--method", "wiener", "--device", "cpu", "--quiet")


def corrupt(images: list[Path]) -> list[str]:
    """Spoil three of the files, each in a way of its own."""
    chosen = [images[len(images) // 5], images[len(images) // 2], images[-2]]
    chosen[0].write_bytes(chosen[0].read_bytes()[:999])
    chosen[1].write_bytes(b"")
    chosen[2].write_text("This is no image.", encoding="utf-8")
    return [path.name for path in chosen]


def main() -> int:
    """Print the table; 1 where results, names or status are not those expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--jobs", type=int, nargs="+", default=(1, 2))
    parser.add_argument("--blind", action="store_true", help="identify each, instead of a known blur")
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="many-files-") as name:
        folder = Path(name)
        images = [folder / f"image{number:03d}.tif" for number in range(given.files)]
        for number, image in enumerate(images):
            write_image(image, given.side, number)
        bad = corrupt(images)
        print("| jobs | results | failed | exit status | seconds | processor seconds |\n|---|---|---|---|---|---|")
        for jobs in given.jobs:
            out, report = folder / f"out{jobs}", folder / f"report{jobs}.csv"
            words = ["deblur", *map(str, images), "-o", str(out), "--jobs", str(jobs), "--report", str(report)]
            words += [*OPTIONS, *(() if given.blind else KNOWN)]
            begun, before = time.monotonic(), _processor_s()
            run = [sys.executable, "-c", COMMAND, *words]
            status = subprocess.run(run, capture_output=True, env=dict(os.environ, OMP_NUM_THREADS="1")).returncode
            seconds, used = time.monotonic() - begun, _processor_s() - before
            results = len(list(out.glob("*.ome.tif")))
            with report.open(encoding="utf-8", newline="") as file:
                failed = sorted(Path(row["image"]).name for row in csv.DictReader(file) if row["error"])
            wrong += not (results == given.files - 3 and failed == sorted(bad) and status == 2)
            print(f"| {jobs} | {results} | {', '.join(failed)} | {status} | {seconds:.1f} | {used:.1f} |", flush=True)
    print(f"\n{os.cpu_count()} cores; load of the machine in the last minute: {os.getloadavg()[0]:.1f}")
    return int(wrong > 0)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
