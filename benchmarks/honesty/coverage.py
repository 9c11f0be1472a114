"""How far the spread of a restored image tells what the result owes to not knowing the blur.

    python -m benchmarks.honesty.coverage --data FOLDER --images 20

Each image is restored blindly, with draws of the blur, and with the true PSF; the error is the difference of the two
restorations, both made with the same caution. A spread that is right holds 68 % of the errors within once, and 95 %
within twice itself, where they are Gaussian.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.honesty.kinds import KINDS, Example, draw_example
from benchmarks.honesty.survey import family_of
from napari_deepblur import deblur
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.io.weights import load_deblurring
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.progress import finished
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.restore import restore_steps
from napari_deepblur.restoration.restorers import NetworkRestorer
from napari_deepblur.training.batches import SceneSource
from napari_deepblur.training.pool import load_bank

_SIDE, _MARGIN, _BANK_SIDE, _PROCEDURAL = 256, 128, 448, 0.3
_FLAT, _THICK = 0, 1
"""Places of the kinds."""


class Coverage(NamedTuple):
    """Of one image: shares of the pixels, and how spread and error go together.

    Attributes
    ----------
    once, twice
        Share of the pixels whose error is within one spread, and two.
    rank
        Rank correlation of spread and absolute error over the pixels.
    """

    once: float
    twice: float
    rank: float


def coverage(example: Example, draws: int) -> Coverage:
    """Restore one image, and compare."""
    blind = deblur(example.image, family_of(example), draws=draws)
    assert blind.identification is not None and blind.spread is not None and blind.blur is not None
    true = _with_psf(example, ConvolutionBlur(torch.from_numpy(example.psf).float(), blind.blur.spread), blind.settings)
    error = np.abs(blind.image - true)
    ranks = [values.ravel().argsort().argsort() for values in (blind.spread, error)]
    rank = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return Coverage(float((error <= blind.spread).mean()), float((error <= 2 * blind.spread).mean()), rank)


def _with_psf(example: Example, blur: ConvolutionBlur, settings: dict[str, object]) -> NDArray[np.float32]:
    scale = unit_scale(example.image)
    resolved = settings["resolved"]
    assert isinstance(resolved, dict)
    noise = scale.noise_to_unit(PoissonGaussianNoise(**resolved["noise"]))
    restorer = NetworkRestorer(load_deblurring())
    steps = restore_steps(scale.to_unit(example.image), blur, noise, restorer, torch.device("cpu"), None)
    return scale.from_unit(finished(steps).image)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "validation"), default="validation")
    parser.add_argument("--images", type=int, default=20, help="of each kind, flat and thick")
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--seed", type=int, default=910_000)
    given = parser.parse_args()
    warnings.simplefilter("ignore", UndersamplingWarning)
    source = SceneSource(torch.from_numpy(load_bank(given.data, given.split, _BANK_SIDE, 2.0, 0)), _PROCEDURAL)
    print("| kind | images | within one spread (%) | within two (%) | rank correlation |")
    print("|---|---|---|---|---|")
    for place in (_FLAT, _THICK):
        found = []
        for index in range(given.images):
            generator = torch.Generator().manual_seed(given.seed + index)
            scene = source.draw(1, _SIDE + _MARGIN, generator)[0, 0].double().numpy()
            found.append(coverage(draw_example(KINDS[place], scene, _SIDE, given.seed + index), given.draws))
        once, twice, rank = np.mean(found, axis=0)
        print(f"| {KINDS[place].name} | {len(found)} | {100 * once:.1f} | {100 * twice:.1f} | {rank:.2f} |", flush=True)


if __name__ == "__main__":
    _main()
