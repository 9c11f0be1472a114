"""What a frame of a series costs beside the network, with a known blur: reading, evidence, record, writing.

    python -m benchmarks.small_frames --frames 100 --side 64

A series of small frames and a single one run through the command line; the processor time of a further frame is their
difference. The time inside the network's iterations is taken out of it. The file runs on earlier commits, too, for
comparison: `PYTHONPATH=CHECKOUT/src python benchmarks/small_frames.py`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

from napari_deepblur.cli import main as command
from napari_deepblur.networks.deblurring import DeblurringNetwork

KNOWN = ("--na", "1.3", "--wavelength-um", "0.55", "--pixel-size-um", "0.09", "--n-immersion", "1.515", "--theta")
THETA = ("0.05",) * 8
OPTIONS = (*KNOWN, *THETA, "--method", "network", "--device", "cpu", "--quiet")


class Stopwatch:
    """Processor time inside the network, which `timed` puts around its iterations."""

    seconds = 0.0

    def timed(self, iterate: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Return the same function, the steps of whose iterators are timed."""

        def steps(*given: Any, **named: Any) -> Iterator[Any]:
            running = iterate(*given, **named)
            while True:
                begun = time.process_time()
                try:
                    step = next(running)
                except StopIteration:
                    return
                finally:
                    self.seconds += time.process_time() - begun
                yield step

        return steps


def main() -> int:
    """Print a row for each repetition."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    watch = Stopwatch()
    DeblurringNetwork.iterate = watch.timed(DeblurringNetwork.iterate)  # type: ignore[method-assign]
    rng = np.random.default_rng(0)
    series = rng.poisson(rng.gamma(0.5, 100, (given.frames + 1, given.side, given.side))).astype(np.uint16)
    with tempfile.TemporaryDirectory(prefix="small-frames-") as name:
        folder = Path(name)
        for file, frames in (("one", series[:1]), ("many", series)):
            tifffile.imwrite(folder / f"{file}.tif", frames, imagej=True, metadata={"axes": "TYX"})

        def run(file: str, number: int) -> tuple[float, float]:
            before, begun = watch.seconds, time.process_time()
            command(["deblur", str(folder / f"{file}.tif"), "-o", str(folder / f"{file}-{number}.ome.tif"), *OPTIONS])
            return time.process_time() - begun, watch.seconds - before

        run("one", -1)
        print("| a frame (ms) | in the network | beside it |\n|---|---|---|")
        for number in range(given.repeats):
            one, many = run("one", number), run("many", number)
            total, inside = (1e3 * (long - short) / given.frames for long, short in zip(many, one, strict=True))
            print(f"| {total:.1f} | {inside:.1f} | {total - inside:.1f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
