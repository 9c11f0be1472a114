"""Identify images of all kinds, and keep the signs beside the truth.

    python -m benchmarks.honesty.survey --data FOLDER --split validation --images 400 --seed 900000 --output survey.json

Three in ten images are in the domain and flat, one in ten is a plane of a thick specimen, the others are of a kind that
is drawn at random (`kinds`).
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.honesty.kinds import KINDS, Example, draw_example
from napari_deepblur import ZernikeFamily, deblur
from napari_deepblur.errors import DeepblurError, UndersamplingWarning
from napari_deepblur.operators.families import Amplitude
from napari_deepblur.training.batches import SceneSource
from napari_deepblur.training.pool import load_bank

Size = Literal["auto", "light", "paper"]

GOOD_ABOVE_DB = 8.0
"""PSF SNR above which an estimate counts as good; as wrong below `networks.expectation.WRONG_BELOW_DB`."""

_SIDES = (256, 288, 320)
_MARGIN = 128
_PROCEDURAL = 0.3
_BANK_SIDE = 448


def draw_examples(folder: Path, split: str, images: int, seed: int, first: int = 0) -> Iterator[Example]:
    """Draw the images `first` to `images` of a survey; each is the same whatever came before it."""
    bank = torch.from_numpy(load_bank(folder, split, _BANK_SIDE, 2.0, 0))  # type: ignore[arg-type]
    source = SceneSource(bank, _PROCEDURAL)
    for index in tqdm(range(first, images), initial=first, total=images, unit="image"):
        rng = np.random.default_rng(seed + index)
        side = int(rng.choice(_SIDES))
        place = (0, 0, 0, 1)[index % 10] if index % 10 < 4 else int(rng.integers(2, len(KINDS)))
        generator = torch.Generator().manual_seed(seed + index)
        scene = source.draw(1, side + _MARGIN, generator)[0, 0].double().numpy()
        yield draw_example(KINDS[place], scene, side, seed + index)


def family_of(example: Example) -> ZernikeFamily:
    """Return the family that is believed to hold the blur of an example."""
    amplitude: Amplitude = "auto" if example.amplitude is None else example.amplitude
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        return ZernikeFamily(example.microscope, example.modes, max_amplitude=amplitude)


def survey(
    folder: Path, split: str, images: int, seed: int, device: str = "auto", size: Size = "auto"
) -> list[dict[str, Any]]:
    """Deblur `images` images; a row each, but for those that are refused."""
    rows = []
    for example in draw_examples(folder, split, images, seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndersamplingWarning)
            try:
                result = deblur(example.image, family_of(example), device=device, size=size)
            except DeepblurError:
                continue
        found, verdict = result.identification, result.verdict
        assert found is not None and verdict is not None and found.expectation is not None
        rows.append(
            {
                "kind": example.kind,
                "psf_snr_db": snr(example.psf, found.psf.astype(np.float64)),
                "light": verdict.light,
                "odds": found.expectation.wrong,
                "residual": {name: getattr(verdict, name) for name in ("structure", "excess", "unexplained")},
                "signs": dict(found.signs),
                "correlation_before": _correlation(example.image, example.scene),
                "correlation": _correlation(result.image, example.scene),
            }
        )
    return rows


def snr(truth: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """PSF SNR in decibels of PSFs of any odd sizes."""
    side = max(*truth.shape, *found.shape)
    truth, found = (
        np.pad(psf, [((side - n) // 2, side - n - (side - n) // 2) for n in psf.shape]) for psf in (truth, found)
    )
    return float(10 * np.log10(np.square(truth).sum() / np.square(truth - found).sum()))


def _correlation(image: NDArray[Any], scene: NDArray[Any]) -> float:
    return float(np.corrcoef(image.ravel(), scene.ravel())[0, 1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "validation"), default="validation")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--seed", type=int, default=900_000)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    rows = survey(given.data, given.split, given.images, given.seed)
    given.output.write_text(json.dumps(rows), encoding="utf-8")
