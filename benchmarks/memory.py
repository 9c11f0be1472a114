"""Peak memory and time of one large plane, OME-Zarr in and out, for several sizes.

    python -m benchmarks.memory 2048 4096 8192           # Wiener, known blur, on the processor
    python -m benchmarks.memory 4096 --blind
    python -m benchmarks.memory 2048 4096 --method network
    python -m benchmarks.memory 16384 --iterations 5     # memory alone: what an iteration holds, each of them does
    python -m benchmarks.memory 1024x16384               # rows x columns
    python -m benchmarks.memory 4096 --suffix .ome.tif   # OME-TIFF out

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


def make(path: Path, rows: int, columns: int) -> None:
    """Write blurred points in Poisson noise, a shard at a time."""
    import zarr
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    shape, block = (rows, columns), (min(rows, _TILE), min(columns, _TILE))
    array = group.create_array("0", shape=shape, dtype="uint16", chunks=block, dimension_names=["y", "x"])
    for row in range(0, rows, _TILE):
        for column in range(0, columns, _TILE):
            part = min(_TILE, rows - row), min(_TILE, columns - column)
            points = gaussian_filter((rng.uniform(size=part) > 0.97).astype(np.float32), 1.5)
            array[row : row + _TILE, column : column + _TILE] = rng.poisson(100 + 4000 * points).astype(np.uint16)
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.09, 0.09]}]}]
    multiscales: Any = [{"name": "image", "axes": axes, "datasets": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}


def measure(shape: str, options: tuple[str, ...], folder: Path, suffix: str) -> str:
    """Deblur one image of this shape with these options; return a row."""
    sides = [int(side) for side in shape.split("x")]
    rows, columns = sides[0], sides[-1]
    image = folder / f"{shape}.ome.zarr"
    made = f"make(Path({str(image)!r}), {rows}, {columns})"
    code = f"from pathlib import Path; from benchmarks.memory import make; {made}"
    subprocess.run([sys.executable, "-c", code], check=True)
    words = [
        sys.executable,
        "-c",
        COMMAND,
        "deblur",
        str(image),
        "-o",
        str(folder / f"{shape}-result{suffix}"),
        "--quiet",
    ]
    begun = time.monotonic()
    process = subprocess.Popen([*words, "--device", "cpu", *OPTIONS, *options])
    _, status, used = os.wait4(process.pid, 0)
    seconds, processor = time.monotonic() - begun, used.ru_utime + used.ru_stime
    if status:
        raise RuntimeError(f"The run on {shape} pixels ended with status {os.waitstatus_to_exitcode(status)}.")
    megapixels = rows * columns / 1e6
    peak = used.ru_maxrss / 1024
    return f"| {shape} | {peak:.0f} | {seconds:.0f} | {processor:.0f} | {processor / megapixels:.1f} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sides", nargs="+", metavar="SIDE", help="of a square, or ROWSxCOLUMNS")
    parser.add_argument("--blind", action="store_true", help="identify the blur, instead of a known one")
    parser.add_argument("--method", default="wiener", help="how to restore (wiener)")
    parser.add_argument("--iterations", help="of the method; its own where absent")
    parser.add_argument("--suffix", default=".ome.zarr", help="of the result (.ome.zarr)")
    parser.add_argument("--folder", type=Path, help="where images and results lie meanwhile")
    given = parser.parse_args()
    options = ("--method", given.method, *(() if given.blind else KNOWN))
    options += () if given.iterations is None else ("--iterations", given.iterations)
    print("| side | peak, MB | seconds | processor seconds | of these, a megapixel |\n|---|---|---|---|---|")
    for side in given.sides:
        with tempfile.TemporaryDirectory(prefix="memory-", dir=given.folder) as name:
            print(measure(side, options, Path(name), given.suffix), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
