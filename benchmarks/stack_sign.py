"""How often the planes of a stack tell the joint sign of the even modes, as a Markdown table.

    python -m benchmarks.stack_sign --output benchmarks/results/stack_sign.md

Scenes: procedural ones, through aberrations drawn from the default family, at distances from the middle of the stack
that are added to them as the exact phase of propagation. A thin sample lies in one plane, and blurs as a whole. A thick
one is a sum of scenes of its own in planes at the same distances, of which each is blurred by its own distance from
the focus.
"""

from __future__ import annotations

import argparse
import itertools
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur import Microscope, PoissonGaussianNoise, StackIdentification, ZernikeFamily, identify_stack
from napari_deepblur.identification.plane_signs import defocus_per_um
from napari_deepblur.operators.convolution import ConvolutionOperator
from napari_deepblur.optics import PsfModel, psf_model, zernike_psf
from napari_deepblur.training.scenes import draw_procedural

SPACING_UM = 0.2
PLANES = 4
SIDE = 192
AMPLITUDE = 0.08
OPTICS = Microscope(na=1.2, n_immersion=1.33, pixel_size_um=0.1)
OFFSETS_UM = SPACING_UM * (np.arange(PLANES) - (PLANES - 1) / 2)
NOISES = {"none": (0.0, 0.001), "medium": (0.01, 0.01)}
"""(alpha, beta) for scenes in [0, 1]; without any, the estimate of the noise would divide by it."""


def propagating(family: ZernikeFamily) -> PsfModel:
    """Return the model of the family's PSFs, with nodes enough for the outermost planes."""
    optics = family.microscope
    return psf_model(optics.pupil, family.modes, family.psf_size, 2 * OFFSETS_UM.max() / optics.pixel_size_um)


def blurred(scene: torch.Tensor, theta: NDArray[np.float32], z_um: float, model: PsfModel) -> torch.Tensor:
    """Return a scene (H + k - 1, W + k - 1) seen `z_um` away: (H, W)."""
    psf = zernike_psf(torch.from_numpy(theta), model, torch.tensor(float(z_um) / OPTICS.pixel_size_um))
    shape = (scene.shape[0] - model.size + 1, scene.shape[1] - model.size + 1)
    return ConvolutionOperator(psf[None], shape).forward(scene[None, None])[0, 0]


def stack_of(layers: torch.Tensor, theta: NDArray[np.float32], model: PsfModel) -> NDArray[np.float64]:
    """Return what a sample of one layer, or of one at each plane, looks like; shape (Z, H, W), in [0, 1]."""
    depths = OFFSETS_UM if len(layers) > 1 else (0.0,)
    planes = [
        sum(
            (blurred(layer, theta, z - depth, model) for layer, depth in zip(layers, depths, strict=True)),
            torch.zeros(()),
        )
        for z in OFFSETS_UM
    ]
    stack = np.asarray(torch.stack(planes).double().numpy().clip(0.0), np.float64)
    return stack / np.float64(stack.max())


def right(found: StackIdentification, theta: NDArray[np.float32], family: ZernikeFamily) -> bool:
    """Tell whether the even coefficients of all planes are closer to the true ones than with the opposite sign."""
    even = family.even_modes
    true = theta + OFFSETS_UM[:, None] * defocus_per_um(family)
    return float((found.theta * true)[:, even].sum()) > 0


def row(sample: str, noise: str, scenes: int) -> str:
    """Return one row of the table."""
    torch.set_num_threads(1)
    family = ZernikeFamily(OPTICS)
    layers = PLANES if sample == "thick" else 1
    drawn = draw_procedural(scenes * layers, SIDE + family.psf_size - 1, torch.Generator().manual_seed(1), "cpu")[:, 0]
    model = propagating(family)
    known = PoissonGaussianNoise(*NOISES[noise])
    hits, probabilities = [], []
    for number, theta in enumerate(ZernikeFamily(OPTICS, max_amplitude=AMPLITUDE).sample(scenes, seed=2)):
        clean = stack_of(drawn[number * layers : (number + 1) * layers], theta, model)
        seen = np.stack([known.sample(plane, PLANES * number + z) for z, plane in enumerate(clean)])
        found = identify_stack(seen, family, SPACING_UM, known, "cpu")
        hits.append(right(found, theta, family))
        probabilities.append(found.sign_probability)
    sure = [hit for hit, p in zip(hits, probabilities, strict=True) if p > 0.95]
    return (
        f"| {sample} | {noise} | {sum(hits)} of {scenes} | {np.mean(probabilities):.2f} | {sum(sure)} of {len(sure)} |"
    )


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="Markdown file to write")
    parser.add_argument("--scenes", type=int, default=20, help="for each row (20)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    arguments = parser.parse_args()
    combinations = itertools.product(("thin", "thick"), NOISES)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        waiting = [pool.submit(row, sample, noise, arguments.scenes) for sample, noise in combinations]
        rows = [one.result() for one in waiting]
    none, medium = NOISES["none"], NOISES["medium"]
    lines = [
        "# Sign of the even modes from a stack",
        "",
        f"Printed by `python -m benchmarks.stack_sign --scenes {arguments.scenes}`, one scene a run: {PLANES}",
        f"planes of {SIDE} x {SIDE} pixels, {SPACING_UM} um apart, NA {OPTICS.na} in water, coefficients up to",
        f"{AMPLITUDE} waves in the middle of the stack. Guessing is right in one half. Variance of the noise: alpha u",
        f"+ beta^2 for intensities u up to 1; (alpha, beta) is {none} for none, {medium} for medium.",
        "",
        "| sample | noise | sign right | mean probability stated | right where more than 0.95 was stated |",
        "|---|---|---|---|---|",
        *rows,
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
