"""Whether results can be measured: the light that each method gives back, as a Markdown table.

    python -m benchmarks.photometry --specimens 3

One plane of a specimen that training has not seen, NA 1.2 in water, 0.1 um pixels, Noll 4-11 in +-0.08 waves, on a
camera whose offset is 100; blind, nothing stated. Light is the sum above the offset, of the result over that of the
specimen, and scatter how the light of blocks of 16 x 16 pixels deviates from the specimen's, over the mean of a block.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from benchmarks.simulation.geometry import Array, Box
from benchmarks.simulation.specimens import KINDS, draw_specimen
from napari_deepblur import Microscope, ZernikeFamily, deblur
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.pipeline.methods import Method

METHODS: tuple[Method, ...] = ("network", "richardson-lucy", "total-variation", "wiener")
PHOTONS = (1000.0, 100.0)
"""Light of the brightest pixel of the blurred plane."""
OFFSET, READ_NOISE = 100.0, 2.0
CROWD = "dense spots"
"""A specimen beside those of the simulation."""
SIDE, BLOCK = 240, 16
"""Of the image and of a block, in pixels; the blocks fill the image."""
_PIXEL_UM, _PLANES = 0.1, 5


class Observed(NamedTuple):
    """A plane as the camera sees it, and the specimen on the same pixels, in the same units above the offset."""

    image: Array
    truth: Array


class Kept(NamedTuple):
    """What a result has of a specimen: its light, the scatter of that of blocks, and the correlation."""

    light: float
    scatter: float
    correlation: float


def observe(kind: str, photons: float, seed: int, family: ZernikeFamily) -> Observed:
    """Blur one plane of a specimen by a random PSF of the family, and expose it."""
    rng = np.random.default_rng([seed, 3])
    border = family.psf_size // 2
    box = Box((_PLANES, SIDE + 2 * border, SIDE + 2 * border), (0.2, _PIXEL_UM, _PIXEL_UM))
    scene = _crowd(box.shape[1:], seed) if kind == CROWD else draw_specimen(kind, box, seed)[_PLANES // 2]
    operator = family.operator(rng.uniform(-0.08, 0.08, len(family.modes)), (SIDE, SIDE))
    clean = operator.forward(scene).astype(np.float64).clip(0)
    scale = photons / clean.max()
    image = rng.poisson(scale * clean) + OFFSET + rng.normal(0, READ_NOISE, clean.shape)
    return Observed(image, scale * scene[border:-border, border:-border].astype(np.float64))


def _crowd(shape: Sequence[int], seed: int) -> Array:
    """Draw so many spots that their images touch everywhere: one of 0.8 pixels on 25, up to five times as bright."""
    rng = np.random.default_rng([seed, 29])
    scene = np.zeros(tuple(shape), np.float32)
    count = round(scene.size / 25)
    places = tuple(rng.integers(0, side, count) for side in scene.shape)
    np.add.at(scene, places, rng.uniform(0.2, 1.0, count))
    return np.asarray(gaussian_filter(scene, 0.8))


def kept(result: Array, truth: Array) -> Kept:
    """Compare a result above the offset with its specimen."""
    blocks = [array.reshape(SIDE // BLOCK, BLOCK, -1, BLOCK).mean((1, 3)) for array in (result, truth)]
    scatter = float(np.std(blocks[0] - blocks[1]) / blocks[1].mean())
    return Kept(float(result.sum() / truth.sum()), scatter, float(np.corrcoef(result.ravel(), truth.ravel())[0, 1]))


def table(specimens: int, methods: Sequence[Method] = METHODS, kinds: Sequence[str] = (*KINDS, CROWD)) -> list[str]:
    """Rows of Markdown, medians over the specimens."""
    family = ZernikeFamily(Microscope(1.2, 0.525, _PIXEL_UM, 1.33))
    lines = ["| specimen | photons | method | light kept | scatter of blocks | r |", "|---" * 6 + "|"]
    with tqdm(total=len(kinds) * len(PHOTONS) * specimens * len(methods), disable=None) as bar:
        for kind in kinds:
            for photons in PHOTONS:
                found: dict[str, list[Kept]] = {method: [] for method in ("image", *methods)}
                for seed in range(specimens):
                    image, truth = observe(kind, photons, seed, family)
                    found["image"].append(kept(np.asarray(image - OFFSET, np.float64), truth))
                    for method in methods:
                        result = deblur(image.astype(np.float32), family, method=method).image
                        found[method].append(kept(np.asarray(result, np.float64) - OFFSET, truth))
                        bar.update()
                for name, several in found.items():
                    light, scatter, correlation = np.median(np.array(several), axis=0)
                    lines.append(f"| {kind} | {photons:g} | {name} | {light:.0%} | {scatter:.0%} | {correlation:.3f} |")
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specimens", type=int, default=3, metavar="N", help="of each kind (3)")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS), help="methods (all)")
    every = (*KINDS, CROWD)
    parser.add_argument("--kind", nargs="+", choices=every, default=list(every), help="kinds of specimen (all)")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UndersamplingWarning)
    print(f"`python -m benchmarks.photometry {' '.join(sys.argv[1:])}`, medians:\n")
    print("\n".join(table(options.specimens, options.method, options.kind)))


if __name__ == "__main__":
    main()
