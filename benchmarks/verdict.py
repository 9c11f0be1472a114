"""How far the verdict on the residual tells right from wrong, as a Markdown table.

    python -m benchmarks.verdict --data FOLDER --images 12 --output benchmarks/results/verdict.md

Test images are blurred in the paper's setting, spoiled at three noise levels, and restored with the true blur, with the
identified one, with none (the PSF of optics without aberrations) and with that of another image. What is left is judged
as after every run.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.restoration.restored import restore
from benchmarks.simulation.images import draw_test_scenes, paper_family
from napari_deepblur import PoissonGaussianNoise, identify
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.io.weights import load_deblurring
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.residual import residual_of
from napari_deepblur.restoration.restorers import NetworkRestorer, SolverRestorer
from napari_deepblur.restoration.verdict import Verdict, judge

LEVELS = {"ten thousand photons": (1e-4, 1e-3), "medium": (0.001, 0.003), "high": (0.005, 0.02)}
SIDE, SEED = 400, 5
CPU = torch.device("cpu")


def measure(folder: Path, images: int) -> dict[tuple[str, str, str], list[Verdict]]:
    """Judge every restoration; by noise, blur and method."""
    family = paper_family()
    scenes = draw_test_scenes(folder, images, SIDE + family.psf_size - 1, SEED).pixels.numpy()
    thetas = family.sample(images, SEED)
    methods = {
        "network": NetworkRestorer(load_deblurring()),
        "Richardson-Lucy": SolverRestorer("richardson-lucy", None, None),
    }
    found: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for index in tqdm(range(images), unit="image"):
        clean = family.operator(thetas[index], (SIDE, SIDE)).forward(scenes[index, 0])
        for level, (alpha, beta) in LEVELS.items():
            noise = PoissonGaussianNoise(alpha, beta)
            image = noise.sample(clean / clean.max(), SEED + index).astype(np.float32)
            guess = identify(image, family)
            psfs = {
                "true": (family.psf(thetas[index]), 0.0),
                "identified": (guess.psf, float(guess.psf_spread[0])),
                "no aberrations": (family.psf(np.zeros(family.n_parameters)), 0.0),
                "of another image": (family.psf(thetas[(index + 1) % images]), 0.0),
            }
            for blur_name, (psf, spread) in psfs.items():
                blur = ConvolutionBlur(torch.from_numpy(psf), spread)
                for method, restorer in methods.items():
                    restored, _ = restore(image, blur, guess.noise, restorer, CPU)
                    verdict = judge(residual_of(image, restored, blur), guess.noise)
                    assert verdict is not None
                    found[level, blur_name, method].append(verdict)
    return found


def as_markdown(found: dict[tuple[str, str, str], list[Verdict]], command: str) -> str:
    """Medians, ninth tenths, and how many of each light."""
    lines = [
        f"`{command}`; torch {torch.__version__}.",
        "",
        "| noise | blur | method | structure: median, 9/10 | excess: median, 9/10 | green | yellow | red |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (level, blur, method), verdicts in found.items():
        structure = np.quantile([v.structure for v in verdicts], (0.5, 0.9))
        excess = np.quantile([np.nan if v.excess is None else v.excess for v in verdicts], (0.5, 0.9))
        counts = [sum(v.light == light for v in verdicts) for light in ("green", "yellow", "red")]
        cells = [level, blur, method, "{:.3f}, {:.3f}".format(*structure), "{:.2f}, {:.2f}".format(*excess), *counts]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "A blur that is too small explains every image, by sharper detail than there is, and so can a wrong one: green",
        "does not prove that the blur is right. Red says that the image cannot come from it.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="training folder")
    parser.add_argument("--images", type=int, default=12, metavar="N", help="(12)")
    parser.add_argument("--output", type=Path, help="Markdown file; printed as well")
    options = parser.parse_args()
    # The paper's own setting is slightly under-sampled.
    warnings.simplefilter("ignore", UndersamplingWarning)
    command = f"python -m benchmarks.verdict --data FOLDER --images {options.images}"
    text = as_markdown(measure(options.data, options.images), command)
    print(text)
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
