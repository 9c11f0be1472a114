"""Peak memory and time of one large plane, OME-Zarr in and out, for several sizes.

    python -m benchmarks.memory 2048 4096 8192           # Wiener, known blur, on the processor
    python -m benchmarks.memory 4096 --blind
    python -m benchmarks.memory 2048 4096 --method network
    python -m benchmarks.memory 16384 --iterations 5     # memory alone: what an iteration holds, each of them does

Each image is made, and deblurred, in a process of its own, whose largest resident set counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.killed import COMMAND, KNOWN

OPTIONS = ("--na", "1.3", "--wavelength-um", "0.54", "--n-immersion", "1.515")
_TILE = 1024


def make(path: Path, side: int) -> None:
    """Write blurred points in Poisson noise, a shard at a time."""
    import zarr
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    shape, block = (side, side), (min(side, _TILE),) * 2
    array = group.create_array("0", shape=shape, dtype="uint16", chunks=block, dimension_names=["y", "x"])
    for row in range(0, side, _TILE):
        for column in range(0, side, _TILE):
            part = min(_TILE, side - row), min(_TILE, side - column)
            points = gaussian_filter((rng.uniform(size=part) > 0.97).astype(np.float32), 1.5)
            array[row : row + _TILE, column : column + _TILE] = rng.poisson(100 + 4000 * points).astype(np.uint16)
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.09, 0.09]}]}]
    multiscales: Any = [{"name": "image", "axes": axes, "datasets": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}


def measure(side: int, options: tuple[str, ...], folder: Path) -> str:
    """Deblur one image with these options; return a row."""
    image = folder / f"{side}.ome.zarr"
    code = f"from pathlib import Path; from benchmarks.memory import make; make(Path({str(image)!r}), {side})"
    subprocess.run([sys.executable, "-c", code], check=True)
    words = [
        sys.executable,
        "-c",
        COMMAND,
        "deblur",
        str(image),
        "-o",
        str(folder / f"{side}-result.ome.zarr"),
        "--quiet",
    ]
    begun = time.monotonic()
    process = subprocess.Popen([*words, "--device", "cpu", *OPTIONS, *options])
    _, status, used = os.wait4(process.pid, 0)
    seconds, processor = time.monotonic() - begun, used.ru_utime + used.ru_stime
    if status:
        raise RuntimeError(f"The run on {side} pixels a side ended with status {os.waitstatus_to_exitcode(status)}.")
    return (
        f"| {side} | {used.ru_maxrss / 1024:.0f} | {seconds:.0f} | {processor:.0f} | {processor / side**2 * 1e6:.1f} |"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sides", type=int, nargs="+", metavar="SIDE")
    parser.add_argument("--blind", action="store_true", help="identify the blur, instead of a known one")
    parser.add_argument("--method", default="wiener", help="how to restore (wiener)")
    parser.add_argument("--iterations", help="of the method; its own where absent")
    parser.add_argument("--folder", type=Path, help="where images and results lie meanwhile")
    given = parser.parse_args()
    options = ("--method", given.method, *(() if given.blind else KNOWN))
    options += () if given.iterations is None else ("--iterations", given.iterations)
    print("| side | peak, MB | seconds | processor seconds | of these, a megapixel |\n|---|---|---|---|---|")
    for side in given.sides:
        with tempfile.TemporaryDirectory(prefix="memory-", dir=given.folder) as name:
            print(measure(side, options, Path(name)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
