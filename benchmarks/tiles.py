"""Tiled against whole: the largest difference, as a share of the range of the whole result, as a Markdown table.

    python -m benchmarks.tiles --side 1070 --tile 512
    python -m benchmarks.tiles --side 2048 --output benchmarks/results/tiles.md --pictures FOLDER

One image for each family, with bright and dark quarters, so that no tile is like the whole; blur and noise are known.
`within` leaves out the outer 16 pixels of the image. Each method runs as it does by default; `--strict` has the
iterative ones run all their iterations, so that where they stop plays no part. With `--pictures` the differences are
drawn, tiles outlined, from minus to plus 1e-3 of the range.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur import (
    EigenPsfFamily,
    FieldZernikeFamily,
    Microscope,
    PoissonGaussianNoise,
    ProductConvolutionFamily,
    ZernikeFamily,
)
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.progress import finished
from napari_deepblur.restoration.blur import FamilyBlur
from napari_deepblur.restoration.restore import restore_steps
from napari_deepblur.restoration.restorers import Restorer, SolverRestorer

METHODS = ("wiener", "richardson-lucy-tv", "total-variation", "network")
BOUND = 1e-3
CPU = torch.device("cpu")
_EDGE = 16
_ALPHA, _BETA, _OFFSET = 1.0, 3.0, 100.0


class Row(NamedTuple):
    """One comparison.

    Attributes
    ----------
    family, method
        What was compared.
    largest, within
        Largest difference as a share of the range, of all pixels and without the outer 16.
    rms
        Its root mean square.
    whole_s, tiled_s
        Seconds of both runs.
    """

    family: str
    method: str
    largest: float
    within: float
    rms: float
    whole_s: float
    tiled_s: float


def families(side: int) -> dict[str, tuple[OperatorFamily, torch.Tensor]]:
    """One of each kind, with known parameters, for images of so many pixels a side."""
    optics = Microscope(na=1.3, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.515)
    zernike = ZernikeFamily(optics)
    field = FieldZernikeFamily(optics, (4, 5, 6, 7, 8, 11), 2, (side, side), 0.08, 31)
    y, x = np.mgrid[-15:16, -15:16].astype(float)
    psfs = np.stack([_gaussian(y, x, *form) for form in ((1.5, 1.5, 0), (3.0, 1.8, 0), (1.8, 3.0, 0), (2.5, 2.5, 2))])
    row, column = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    maps = np.stack([np.ones((side, side)), row, column, row * column])
    weights = np.diag([1.0, 0.3, 0.3, 0.0])
    weights[1:, 0] = 0.25
    measured = ProductConvolutionFamily(psfs, maps, field_shape=(side, side))
    return {
        "Zernike": (zernike, torch.as_tensor(zernike.sample(1, 1)[0]).float()),
        "field-Zernike": (field, torch.as_tensor(field.sample(1, 3)[0]).float()),
        "eigen-PSF": (EigenPsfFamily(psfs), torch.tensor([0.4, 0.3, 0.2, 0.1])),
        "product-convolution": (measured, torch.from_numpy(weights.flatten()).float()),
    }


def _gaussian(y: NDArray[Any], x: NDArray[Any], sy: float, sx: float, shift: float) -> NDArray[Any]:
    psf: NDArray[Any] = np.exp(-((y - shift) ** 2) / (2 * sy**2) - x**2 / (2 * sx**2))
    return np.asarray(psf / psf.sum())


def observed(family: OperatorFamily, theta: torch.Tensor, side: int, seed: int = 0) -> NDArray[np.float32]:
    """Blurred, noisy counts of a scene of points, threads and cells, each quarter of another brightness."""
    grow = family.psf_size - 1
    rng = np.random.default_rng(seed)
    shape = (side + grow, side + grow)
    points = (rng.uniform(size=shape) > 0.998) * rng.gamma(2, 2000, shape)
    threads = np.abs(gaussian_filter(rng.normal(size=shape), 12)) * 12
    cells = gaussian_filter(rng.normal(size=shape), 30) > 0.008
    scene = gaussian_filter(points, 0.7) + 400 * np.exp(-((threads / 0.06) ** 2)) + 300 * cells + 20
    light = np.ones(shape)
    light[: side // 2, : side // 2] = 0.15
    light[side // 2 :, side // 2 :] = 2.5
    scene *= gaussian_filter(light, 20)
    operator = family.linear_operator(theta[None], (side, side), (0, 0))
    with torch.inference_mode():
        blurred = operator.forward(torch.from_numpy(scene.astype(np.float32))[None, None])[0, 0].numpy()
    noisy = rng.poisson(np.clip(blurred, 0, None) / _ALPHA) * _ALPHA + rng.normal(0, _BETA, blurred.shape) + _OFFSET
    return np.asarray(noisy, dtype=np.float32)


def compare(name: str, method: str, side: int, tile: int, strict: bool) -> tuple[Row, NDArray[np.float32]]:
    """Restore whole and in tiles; return the row and the difference as a share of the range."""
    family, theta = families(side)[name]
    scale = unit_scale(image := observed(family, theta, side))
    noise = scale.noise_to_unit(PoissonGaussianNoise(_ALPHA, _BETA, _OFFSET))
    if strict and method in ("wiener", "total-variation"):
        restorer: Restorer = SolverRestorer(method, tolerance=0.0)
    else:
        settings = DeblurSettings(method=method, theta=tuple(theta.tolist()), device="cpu")
        restorer = plan(settings, image.shape, family).restorer
    results, seconds = [], []
    for one in (None, tile):
        start = time.perf_counter()
        steps = restore_steps(scale.to_unit(image), FamilyBlur(family, theta), noise, restorer, CPU, one)
        results.append(finished(steps).image)
        seconds.append(time.perf_counter() - start)
    whole, tiled = results
    difference = (tiled - whole) / np.ptp(whole)
    inner = difference[_EDGE:-_EDGE, _EDGE:-_EDGE]
    numbers = np.abs(difference).max(), np.abs(inner).max(), math.sqrt(float((difference**2).mean()))
    return Row(name, method, *map(float, numbers), *seconds), difference


def draw(difference: NDArray[np.float32], tile: int, path: Path) -> None:
    """Draw a difference in grey, from minus to plus the bound."""
    from PIL import Image

    grey = np.clip((difference / BOUND + 1) / 2, 0, 1)
    Image.fromarray((255 * grey).astype(np.uint8)).save(path)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| family | method | largest | without the outer 16 pixels | RMS | whole, s | tiled, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        shares = " | ".join(f"{value:.1e}" for value in (row.largest, row.within, row.rms))
        lines.append(f"| {row.family} | {row.method} | {shares} | {row.whole_s:.1f} | {row.tiled_s:.1f} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 where a difference is above the bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=1070)
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--families", nargs="+", default=None, metavar="FAMILY")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--output", type=Path, metavar="FILE.md")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.families or list(families(64)):
        for method in arguments.methods:
            row, difference = compare(name, method, arguments.side, arguments.tile, arguments.strict)
            rows.append(row)
            print(table([row]).splitlines()[-1], flush=True)
            if arguments.pictures is not None:
                draw(difference, arguments.tile, arguments.pictures / f"{name}-{method}.png")
    words = f"Side {arguments.side}, tiles of {arguments.tile}{', strict' if arguments.strict else ''}."
    print(text := f"{words}\n\n{table(rows)}\n")
    if arguments.output is not None:
        arguments.output.write_text(f"# Tiled against whole\n\n{text}", encoding="utf-8")
    return int(max(row.largest for row in rows) > BOUND)


if __name__ == "__main__":
    sys.exit(main())
