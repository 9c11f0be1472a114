"""Calibrate a simulated microscope from its beads, and deblur an image that it took.

The blur of this microscope varies over the field. Here everything is small, to be done in seconds; the real thing is
`napari-deepblur calibrate`, or the Bead calibration dock.

python examples/calibrate_and_deblur.py
python examples/calibrate_and_deblur.py --save my_microscope.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import skimage.color
import skimage.data

from napari_deepblur import PoissonGaussianNoise, calibrate, deblur, save_family
from napari_deepblur.calibration.demonstration import Demonstration, bead_stack

SIDE = 192


def main() -> None:
    """Calibrate, blur, deblur, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", type=Path, help="write the family of blurs")
    save = parser.parse_args().save

    # Two stacks of two planes; with files: stacks = [tifffile.imread(path) for path in paths].
    demo = Demonstration(n_stacks=2, n_planes=2, field_shape=(SIDE, SIDE), n_beads=60, distance=28, seed=1)
    stacks = [bead_stack(demo, index, peak_photons=5000.0) for index in range(demo.n_stacks)]
    found = calibrate(stacks, demo.microscope, bead_diameter_um=demo.bead_diameter_um, patch_size=25)
    print(f"{len(found.eigen_psfs)} eigen-PSFs and {len(found.maps)} maps from {len(found.thetas)} planes")
    for reason, number in found.beads.counts().items():
        print(f"{number:4d} beads {reason}")
    family = found.family
    if save is not None:
        save_family(family, save)
        print(f"saved to {save}: use it with `napari-deepblur deblur IMAGE --family {save}`")

    sharp = 1 - skimage.color.rgb2gray(skimage.data.immunohistochemistry())[:SIDE, :SIDE]
    scene = np.pad(sharp, family.psf_size // 2, mode="symmetric")
    blurred = family.operator(family.sample(1, seed=0)[0], (SIDE, SIDE)).forward(scene)
    image = PoissonGaussianNoise(alpha=0.0005, beta=0.002).sample(blurred, seed=0)

    result = deblur(image, family)
    print(f"error of the blurred image   {error(image, sharp):.3f}")
    print(f"error of the deblurred image {error(result.image, sharp):.3f}")


def error(image: np.ndarray, sharp: np.ndarray) -> float:
    """Root mean square error relative to the contrast of the sharp image, away from the border."""
    inside = slice(16, -16), slice(16, -16)
    return float(np.sqrt(np.mean((image[inside] - sharp[inside]) ** 2)) / sharp[inside].std())


if __name__ == "__main__":
    main()
