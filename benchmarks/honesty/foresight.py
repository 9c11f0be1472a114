"""Teach an identification network to foresee how wrong its answers are.

    python -m benchmarks.honesty.foresight --data FOLDER --images 10000 --features FILE --output WEIGHTS

Images of all kinds (`kinds`), in the mix of `survey`, from the training split. What the network makes of each, and the
PSF SNR of its own answer, are kept in the file of features, which a run that was stopped goes on with; then a head
(`napari_deepblur.networks.foresight`) is learned on them. All other weights stay what they are.
"""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.honesty.fit import soft_classes, train_members
from benchmarks.honesty.kinds import Example
from benchmarks.honesty.survey import draw_examples, family_of, snr
from napari_deepblur.errors import DeepblurError, UndersamplingWarning
from napari_deepblur.identification.posterior import Cloud
from napari_deepblur.identification.resampling import resample
from napari_deepblur.identification.test_time_augmentation import decide_turned, gather_turned
from napari_deepblur.identification.windows import at_least
from napari_deepblur.identification.zernike import given_of
from napari_deepblur.io.weights import find_weights, load_identification, read_weights, save_weights
from napari_deepblur.networks.foresight import LEAST_SCALE, Foresight
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.networks.statistics import WINDOW, prepare
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.noise import estimate_noise
from napari_deepblur.noise.intensity import unit_scale

_SAVED_EVERY = 500
_HIDDEN, _STEPS, _BATCH, _RATE, _DECAY = 128, 4000, 256, 2e-3, 0.05


def look(example: Example, network: IdentificationNetwork) -> tuple[Tensor, float]:
    """Return what a network makes of the turns of an image (T, D), and the PSF SNR of its answer in decibels."""
    family, device = family_of(example), torch.device("cpu")
    scale, factor = unit_scale(example.image), family.microscope.cutoff / reference_cutoff()
    noise = scale.noise_to_unit(estimate_noise(example.image, family.microscope))
    pixels, level = resample(scale.to_unit(example.image), noise, factor)
    chosen = [network.config.modes.index(mode) for mode in family.modes]
    with torch.no_grad():
        views = prepare(torch.from_numpy(at_least(pixels, WINDOW))[None, None])
        evidence, given = gather_turned(network, views.pixels), given_of(family, network, level, device)
        cloud = decide_turned(network, evidence, views, given).cloud
        # Families with one amplitude for all modes are the same seen from any side.
        understood = torch.cat([network.understand(part, views, given) for part in evidence])
    psf, _ = Cloud(cloud.theta[:, chosen], cloud.weights).psf_and_spread(family)
    return understood, snr(example.psf, psf.numpy().astype(np.float64))


def gather(folder: Path, images: int, seed: int, network: IdentificationNetwork, kept: Path) -> dict[str, Tensor]:
    """Look at images of the training split, going on with what was kept: `understood` (N, T, D) and `db` (N,)."""
    held = load_file(kept) if kept.is_file() else {}
    looked = int(held.get("looked", torch.zeros(1)))
    understood, db = list(held.get("understood", ())), list(held.get("db", ()))
    for count, example in enumerate(draw_examples(folder, "train", images, seed, looked), looked + 1):
        try:
            seen, found = look(example, network)
        except DeepblurError:
            continue
        understood.append(seen.half())
        db.append(torch.tensor(found))
        if count % _SAVED_EVERY == 0 or count == images:
            held = {"understood": torch.stack(understood), "db": torch.stack(db), "looked": torch.tensor([count])}
            save_file(held, kept)
    return held


def learn(features: dict[str, Tensor]) -> Foresight:
    """Learn a head on what the network made of images; each step sees one turn of each of a batch of them."""
    understood, targets = features["understood"], soft_classes(features["db"].tolist())
    head = Foresight(understood.shape[-1], _HIDDEN)
    every = understood.flatten(0, 1).float()
    head.centre.copy_(every.mean(0))
    head.scale.copy_(every.std(0).clamp_min(LEAST_SCALE))

    def begin(member: nn.Sequential) -> Callable[[], tuple[Tensor, Tensor]]:
        def answered() -> tuple[Tensor, Tensor]:
            image, turn = torch.randint(len(understood), (_BATCH,)), torch.randint(understood.shape[1], (_BATCH,))
            return member(head.standardised(understood[image, turn])), targets[image]

        return answered

    train_members(head, begin, _STEPS, _RATE, _DECAY)
    return head.eval()


def with_foresight(network: IdentificationNetwork, head: Foresight) -> IdentificationNetwork:
    """Return a network with all weights of `network`, and that head in place of its own."""
    foreseeing = IdentificationNetwork(dataclasses.replace(network.config, foresees=_HIDDEN))
    own = {name: value for name, value in network.state_dict().items() if not name.startswith("foresight.")}
    foreseeing.load_state_dict(own | {f"foresight.{name}": value for name, value in head.state_dict().items()})
    return foreseeing.eval()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=2_100_000)
    parser.add_argument("--weights", default="light", help="a size, or a file")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    warnings.simplefilter("ignore", UndersamplingWarning)
    network = load_identification(given.weights)
    head = learn(gather(given.data, given.images, given.seed, network, given.features))
    facts = read_weights(find_weights("identification", given.weights)).about.facts
    save_weights(given.output, with_foresight(network, head), {**facts, "foresight_images": given.images})


if __name__ == "__main__":
    _main()
