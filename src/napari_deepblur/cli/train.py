"""`napari-deepblur train`: train either network from a folder of sharp images, or pack such a folder."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import OutputError, SettingsError, TrainingDataError
from napari_deepblur.io.output import check_bank_name, check_family_name, check_writable, is_same_file, make_folder

if TYPE_CHECKING:
    import torch

    from napari_deepblur.cli.arguments import Verbs
    from napari_deepblur.training.gray_images import Bank

CROP_SIZE, CROPS_PER_IMAGE, BANK_SEED = 448, 2.0, 0
"""Of the bank that is read from a folder: fields of 400 pixels fit with their border."""


def add_to(verbs: Verbs) -> None:
    """Add the verb, with a verb of its own for each network."""
    parser = verbs.add_parser(
        "train",
        help="train a network from sharp images",
        description="Train a network from sharp images, blurred and spoilt afresh for every batch.",
    )
    kinds = parser.add_subparsers(title="what to train", metavar="WHAT", required=True)
    for name, words in (
        ("identification", "the network that estimates the blur"),
        ("deblurring", "the network that removes it; needs a trained identification network"),
    ):
        one = kinds.add_parser(name, help=words, description=f"Train {words}. A run in the folder is continued.")
        _add_training(one)
        if name == "deblurring":
            one.add_argument("--identification", metavar="WEIGHTS", help="light, paper or a file (the installed)")
        one.add_argument("--start", metavar="WEIGHTS", help="begin a new run with these: light, paper or a file")
        one.add_argument(
            "--family",
            metavar="FAMILY",
            help="adapt the installed network to this calibrated family, and put the weights beside it",
        )
        one.set_defaults(work=work, kind=name)
    pack = kinds.add_parser(
        "pack",
        help="pack a folder of sharp images into one file",
        description="Pack one split of a folder of sharp images into one file, to train on another machine.",
    )
    pack.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="folder of sharp images")
    pack.add_argument("--out", type=Path, required=True, metavar="BANK.zip", help="the file")
    pack.add_argument("--split", choices=("train", "validation"), default="train", help="which images (train)")
    pack.add_argument("--max-mb", type=float, default=30.0, metavar="MB", help="largest size (30)")
    pack.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")
    pack.set_defaults(work=pack_folder)
    spectra = kinds.add_parser(
        "spectra",
        help="learn how the spectra of sharp scenes vary, for the spectral fit",
        description="Learn the mean and the covariance of the log spectra of sharp scenes; a few minutes.",
    )
    spectra.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="folder of sharp images")
    spectra.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="the file")
    spectra.add_argument("--scenes", type=int, default=10000, metavar="N", help="scenes to draw (10000)")
    spectra.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")
    spectra.set_defaults(work=learn_spectra)


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="sharp images, or a packed bank (needed, but for --family)"
    )
    parser.add_argument(
        "--validation-data", type=Path, metavar="FOLDER", help="for validation; needed beside a packed bank (--data)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="receives checkpoint and log.csv (needed, but for --family)"
    )
    parser.add_argument("--recipe", default="light", help="light or paper (light)")
    parser.add_argument("--minutes", type=float, help="stop then; the same command continues the run")
    parser.add_argument("--samples", type=int, help="length of the whole run in samples (the recipe's)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    parser.add_argument("--threads", type=int, help="processor threads (all)")
    parser.add_argument("--validate-every", type=float, default=5.0, metavar="MINUTES", help="how often (5)")
    parser.add_argument("--validation-images", type=int, metavar="N", help="images of each validation row")
    parser.add_argument("--export", type=Path, metavar="FILE.safetensors", help="write the averaged weights at the end")
    parser.add_argument("--quiet", action="store_true", help="no progress bar while images are read")


def work(arguments: argparse.Namespace) -> None:
    """Train, continuing the run that the output folder holds, and export the weights if asked."""
    import dataclasses

    import torch

    from napari_deepblur.devices import resolve_device
    from napari_deepblur.training import recipes

    _check_positive(arguments)
    _check_export(arguments)
    if arguments.family is not None:
        from napari_deepblur.cli.adaptation import adapt

        return adapt(arguments, None if arguments.data is None else _banks(arguments))
    if arguments.data is None or arguments.out is None:
        raise SettingsError("--data and --out are needed, except to adapt a network to a calibrated family (--family).")
    known: dict[str, Any] = recipes.IDENTIFICATION if arguments.kind == "identification" else recipes.DEBLURRING
    if arguments.recipe not in known:
        raise SettingsError(f"There is no recipe {arguments.recipe!r}, expected one of {', '.join(known)}.")
    recipe = known[arguments.recipe]
    if arguments.samples is not None:
        recipe = dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, samples=arguments.samples))
    make_folder(arguments.out)
    check_writable(arguments.out / "log.csv")
    _check_start(arguments)
    device = resolve_device(arguments.device)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    options: dict[str, Any] = {"minutes": arguments.minutes, "validate_every": arguments.validate_every}
    if arguments.validation_images is not None:
        options["validation_images"] = arguments.validation_images
    identification = _identification(arguments)
    if arguments.start is not None:
        from napari_deepblur.io.weights import load_deblurring, load_identification

        load = load_identification if identification is None else load_deblurring
        options["start"] = load(arguments.start)
    bank, validation = (torch.from_numpy(part).to(device) for part in _banks(arguments))
    _say(arguments, f"{len(bank)} crops for training, {len(validation)} for validation, on {device}.")
    if identification is None:
        from napari_deepblur.training.identification import train_identification

        network: torch.nn.Module = train_identification(recipe, bank, validation, arguments.out, **options)
    else:
        from napari_deepblur.training.deblurring import train_deblurring

        network = train_deblurring(recipe, identification, bank, validation, arguments.out, **options)
    if arguments.export is not None:
        _export(arguments, network, recipe)


def _check_positive(arguments: argparse.Namespace) -> None:
    for name in ("minutes", "samples", "threads", "validate_every", "validation_images"):
        value = getattr(arguments, name)
        if value is not None and not value > 0:
            raise SettingsError(f"--{name.replace('_', '-')} is {value}, expected more than 0.")


def _check_export(arguments: argparse.Namespace) -> None:
    """Make sure, before any work, that the weights can be written and replace nothing that the run reads."""
    if arguments.export is None:
        return
    check_family_name(arguments.export)
    check_writable(arguments.export)
    read = (arguments.family, arguments.start, getattr(arguments, "identification", None), arguments.data)
    if any(is_same_file(arguments.export, Path(file)) for file in (*read, arguments.validation_data) if file):
        raise OutputError(f"{arguments.export} is read by this run, and is never overwritten. Choose another name.")


def _check_start(arguments: argparse.Namespace) -> None:
    """Say where a run is continued, with its own weights: the same command begins it and goes on with it."""
    from napari_deepblur.training.loop import CHECKPOINT

    if arguments.start is not None and (arguments.out / CHECKPOINT).exists():
        _say(arguments, f"{arguments.out} holds a run, which is continued: --start counts for new ones only.")


def pack_folder(arguments: argparse.Namespace) -> None:
    """Read one split of a folder and write it as one packed file."""
    from napari_deepblur.training.pool import pack_bank

    if not 0 < arguments.max_mb < math.inf:
        raise SettingsError(f"--max-mb is {arguments.max_mb:g}, expected a positive number of megabytes.")
    check_bank_name(arguments.out)
    check_writable(arguments.out)
    bank = _read_folder(arguments.data, arguments.split, arguments.quiet)
    written = pack_bank(bank, arguments.out, max_bytes=int(arguments.max_mb * 1e6))
    _say(arguments, f"{written} of {len(bank)} crops packed into {arguments.out}.")


def learn_spectra(arguments: argparse.Namespace) -> None:
    """Draw sharp scenes, and write the statistics of their spectra."""
    import torch
    from tqdm import tqdm

    from napari_deepblur.io.scene_spectra import save_scene_spectra
    from napari_deepblur.training.batches import SceneSource
    from napari_deepblur.training.recipes import IDENTIFICATION
    from napari_deepblur.training.scene_spectra import COMPONENTS, SCENE_SIDE, log_spectra, scene_spectra, windows_of

    if arguments.scenes < 2 * COMPONENTS:
        raise SettingsError(f"--scenes is {arguments.scenes}, expected {2 * COMPONENTS} or more.")
    check_family_name(arguments.out)
    check_writable(arguments.out)
    bank = torch.from_numpy(_read_folder(arguments.data, "train", arguments.quiet))
    source = SceneSource(bank, IDENTIFICATION["light"].procedural_share)
    parts = []
    with tqdm(total=arguments.scenes, unit="scene", file=sys.stderr, disable=arguments.quiet or None) as bar:
        for part in log_spectra(source, arguments.scenes, SCENE_SIDE, torch.Generator().manual_seed(BANK_SEED)):
            parts.append(part)
            bar.update(len(part))
    save_scene_spectra(scene_spectra(torch.cat(parts), windows_of(SCENE_SIDE)), arguments.out)
    _say(arguments, f"Statistics of {arguments.scenes} scenes written to {arguments.out}.")


def _identification(arguments: argparse.Namespace) -> Any:
    """Load the network that a deblurring network is trained behind; None where identification itself is trained."""
    if arguments.kind == "identification":
        return None
    from napari_deepblur.io.weights import load_identification

    return load_identification(arguments.identification)


def _banks(arguments: argparse.Namespace) -> tuple[Bank, Bank]:
    from napari_deepblur.training.pool import read_packed

    held_out = arguments.validation_data
    if arguments.data.is_file() and held_out is None:
        raise TrainingDataError(
            f"{arguments.data} is a packed bank, which hides what is held out. Give --validation-data "
            "too: a folder, or a bank packed with --split validation."
        )
    parts = []
    for path, split in ((arguments.data, "train"), (held_out or arguments.data, "validation")):
        parts.append(read_packed(path) if path.is_file() else _read_folder(path, split, arguments.quiet))
    return parts[0], parts[1]


def _read_folder(folder: Path, split: Any, quiet: bool) -> Bank:
    from tqdm import tqdm

    from napari_deepblur.training.pool import load_bank

    with tqdm(desc=f"Reading {split} images", unit="file", file=sys.stderr, disable=quiet or None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return load_bank(folder, split, CROP_SIZE, CROPS_PER_IMAGE, BANK_SEED, progress=show)


def _export(arguments: argparse.Namespace, network: torch.nn.Module, recipe: Any) -> None:
    """Write the averaged weights with what the log says about them."""
    import csv

    from napari_deepblur.io.weights import save_weights
    from napari_deepblur.training.loop import LOG

    with (arguments.out / LOG).open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = [row for row in rows if row["samples"] == rows[-1]["samples"]]
    facts = {
        "recipe": arguments.recipe,
        "samples": int(rows[-1]["samples"]),
        "minutes": float(rows[-1]["minutes"]),
        "seed": recipe.seed,
        "validation": [{key: value for key, value in row.items() if key not in ("samples", "minutes")} for row in last],
    }
    save_weights(arguments.export, network, facts)
    _say(arguments, f"Weights written to {arguments.export}.")


def _say(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.quiet:
        print(text, file=sys.stderr)
