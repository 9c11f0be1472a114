"""Adapt the installed networks to the family in a file, and put the weights beside it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor

from napari_deepblur.errors import FamilyError, OutputError
from napari_deepblur.io.adapted_weights import Kind, adapted_path
from napari_deepblur.io.families import family_hash, find_family, load_family
from napari_deepblur.io.family_places import families_folder
from napari_deepblur.io.output import check_writable, is_same_file, resolved
from napari_deepblur.io.weights import load_deblurring, load_identification, save_weights
from napari_deepblur.progress import Progress
from napari_deepblur.training.adaptation import Adaptation
from napari_deepblur.training.deblurring_adaptation import DeblurringAdaptation
from napari_deepblur.training.loop import TrainingReport
from napari_deepblur.training.recipes import AdaptationRecipe, DeblurringAdaptationRecipe, Schedule


def adapt_steps(
    family_file: str | os.PathLike[str],
    kind: Kind = "identification",
    bank: Tensor | None = None,
    validation_bank: Tensor | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    export: str | os.PathLike[str] | None = None,
    device: torch.device | None = None,
    samples: int | None = None,
    minutes: float | None = None,
    validate_every: float = 5.0,
    validation_images: int = 64,
) -> Generator[Progress | TrainingReport, None, Path]:
    """Adapt step by step. Closing the generator keeps a checkpoint, from which the next call goes on.

    Parameters
    ----------
    family_file
        The file of a measured family, or the name of one that comes with the package.
    kind
        The network to adapt: ``"identification"`` or ``"deblurring"``.
    bank, validation_bank
        Crops of sharp images, uint8 (N, S, S), S at least 400 pixels; all scenes are procedural where there are none.
    out
        Folder of checkpoint and log; by default ``name.adaptation/KIND`` beside the family.
    export
        The weights; by default ``name.KIND.safetensors`` beside the family, where `identify` and `deblur` find them.
    device
        Where to train; by default the processor.
    samples
        Length of the whole run in samples; by default the recipe's.
    minutes
        Time budget of this call. The weights are written at its end, and are better the longer the whole run was.
    validate_every, validation_images
        Minutes between validations, and images of each of their rows.

    Yields
    ------
    Progress and TrainingReport
        The one after the other, about once a second.

    Returns
    -------
    Path
        The weights, as the value of the generator.

    Raises
    ------
    FamilyFileError, FamilyError, OutputError, WeightsError, TrainingDataError
        If the family cannot be read or is not a measured one, if nothing can be written, or if the folder holds the
        run of another family.
    """
    path = find_family(family_file)
    loaded = load_family(path)
    family = loaded.measured
    if family is None:
        raise FamilyError(
            f"{path} holds a family of the kind {loaded.kind}, for which the network needs no adaptation. Give a "
            "family that was calibrated from beads."
        )
    target = adapted_path(path, kind) if export is None else Path(export)
    folder = adaptation_folder(path) / kind if out is None else Path(out)
    _check_places(path, target, out is None or export is None)
    where = torch.device("cpu") if device is None else device
    none = torch.zeros(0, 1, 1, dtype=torch.uint8)
    scenes, held_out = ((none if b is None else b).to(where) for b in (bank, validation_bank))
    digest = family_hash(family)
    adaptation: Adaptation | DeblurringAdaptation
    if kind == "identification":
        recipe = AdaptationRecipe(digest)
        recipe = dataclasses.replace(recipe, schedule=_lasting(recipe.schedule, samples))
        adaptation = Adaptation(family, recipe, load_identification(), scenes, held_out, folder)
    else:
        other = DeblurringAdaptationRecipe(digest)
        other = dataclasses.replace(other, schedule=_lasting(other.schedule, samples))
        adaptation = DeblurringAdaptation(family, other, load_deblurring(), scenes, held_out, folder)
    last = yield from adaptation.steps(
        minutes=minutes, validate_every=validate_every, validation_images=validation_images
    )
    facts = {
        "family": digest,
        "family_file": path.name,
        "samples": last.samples,
        "minutes": round(last.seconds / 60, 1),
        "seed": adaptation.recipe.seed,
        "validation": [
            {key: value for key, value in row.items() if key not in ("samples", "minutes")} for row in last.rows or []
        ],
    }
    save_weights(target, adaptation.network, facts)
    return target


def _check_places(family_file: Path, target: Path, beside: bool) -> None:
    """Make sure, before any work, that the weights can be written, and replace neither the family nor shipped ones."""
    if beside and resolved(family_file).parent == resolved(families_folder()):
        raise OutputError(
            f"{family_file.name} comes with the package, and so do the weights adapted to it, which are never "
            "overwritten. Name places of your own with --export FILE.safetensors and --out FOLDER, or copy the family."
        )
    if is_same_file(target, family_file):
        raise OutputError(f"{target} is the family itself, which is never overwritten. Choose another name.")
    check_writable(target)


def adaptation_folder(family_file: Path) -> Path:
    """Where the checkpoints of a family's networks lie: ``name.adaptation`` beside it."""
    return family_file.with_name(family_file.name.removesuffix(".safetensors") + ".adaptation")


def _lasting(schedule: Schedule, samples: int | None) -> Schedule:
    return schedule if samples is None else dataclasses.replace(schedule, samples=samples)
