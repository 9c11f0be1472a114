"""The shipped network beside the classical solvers, on one image that no training ever saw.

    python benchmarks/methods.py

The image is `camera` of scikit-image, 256 x 256, one fixed aberration; the noise is known, the blur is either known or
identified. Prints SSIM, and writes benchmarks/results/methods.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
from skimage.data import camera
from skimage.metrics import structural_similarity

from napari_deepblur import Microscope, PoissonGaussianNoise, ZernikeFamily, deblur
from napari_deepblur.pipeline.settings import Method

SIDE = 256
THETA = (0.10, -0.06, 0.05, 0.08, -0.04, 0.05, -0.06, 0.04)
NOISE = {"none": (0.0, 0.0), "medium": (0.001, 0.003), "high": (0.005, 0.02)}


def main() -> None:
    """Print and write the table."""
    family = ZernikeFamily(Microscope(pixel_size_um=0.0957))
    scene = camera()[100 : 130 + SIDE, 100 : 130 + SIDE] / np.float32(255)
    sharp, blurred = scene[15:-15, 15:-15], family.operator(THETA, (SIDE, SIDE)).forward(scene)
    names = [f"{method}, {blur}" for method in get_args(Method) for blur in ("true blur", "blind")]
    lines = ["| noise | blurred | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for name, level in NOISE.items():
        noise = PoissonGaussianNoise(*level)
        image = noise.sample(blurred, 0)
        results = [image]
        for method in get_args(Method):
            for theta in (THETA, None):
                results.append(deblur(image, family, theta=theta, noise=noise, method=method).image)
        values = [structural_similarity(np.asarray(r, np.float32), sharp, data_range=1.0) for r in results]
        lines.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    table = "\n".join(lines) + "\n"
    print(table)
    header = "# Network and classical methods\n\n`python benchmarks/methods.py`: SSIM on one image, `camera`.\n\n"
    (Path(__file__).parent / "results" / "methods.md").write_text(header + table)


if __name__ == "__main__":
    main()
