"""Checkpoints that resume a run exactly: one safetensors file, written whole or not at all, never unpickled."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_deepblur.errors import TrainingDataError, WeightsError
from napari_deepblur.io.output import replacing
from napari_deepblur.io.tensor_files import check_digest, digest

_FORMAT = "napari-deepblur checkpoint 1"


class Run:
    """The moving parts of a training run.

    Parameters
    ----------
    network
        The network in training.
    average
        A second instance of it that holds the running average of the weights.
    optimizer
        The optimizer of `network`.
    generator
        The source of every random number of the run.
    recipe
        The frozen recipe; a checkpoint of another recipe is refused.
    """

    def __init__(
        self,
        network: nn.Module,
        average: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        recipe: Any,
    ) -> None:
        self.network = network
        self.average = average
        self.optimizer = optimizer
        self.generator = generator
        self.recipe = recipe
        self.samples = 0
        self.seconds = 0.0

    def update_average(self, decay: float) -> None:
        """Move the averaged weights towards the present ones; buffers are copied."""
        # Early on the plain mean of all weights so far is the better average.
        steps = self.samples / self.recipe.schedule.batch_size
        decay = min(decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
            for kept, buffer in zip(self.average.buffers(), self.network.buffers(), strict=True):
                kept.copy_(buffer)

    def save(self, path: Path) -> None:
        """Write the state of the run; the file is replaced in one step.

        A folder that is gone is made again: hours of work are in hand.

        Raises
        ------
        OutputError
            If the file cannot be written. Where its folder cannot be, the state is kept in another, which it names.
        """
        tensors: dict[str, Tensor] = {"generator": self.generator.get_state()}
        for prefix, module in (("network", self.network), ("average", self.average)):
            tensors |= {f"{prefix}/{name}": value for name, value in module.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
        kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        facts = {
            "format": _FORMAT,
            "sha256": digest(kept),
            "recipe": _fingerprint(self.recipe),
            "samples": str(self.samples),
            "seconds": str(self.seconds),
        }
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, keep=True) as partial:
            save_file(kept, partial, facts)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same recipe.

        Raises
        ------
        WeightsError
            If the file is damaged or not a checkpoint.
        TrainingDataError
            If it belongs to another recipe.
        """
        try:
            with safe_open(path, "pt") as file:
                facts = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"The checkpoint {path} cannot be read ({error}). Delete it to start afresh.") from error
        if facts.get("format") != _FORMAT:
            raise WeightsError(f"{path} is not a checkpoint of this version. Delete it to start afresh.")
        check_digest(path, facts.get("sha256"), tensors)
        if facts.get("recipe") != _fingerprint(self.recipe):
            raise TrainingDataError(
                f"The checkpoint {path} was written by another recipe. Choose another output folder, or delete it."
            )
        try:
            self._take(facts, tensors)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
            raise WeightsError(
                f"The checkpoint {path} does not fit its recipe ({error}). Delete it to start afresh."
            ) from error

    def _take(self, facts: dict[str, str], tensors: dict[str, Tensor]) -> None:
        for prefix, module in (("network", self.network), ("average", self.average)):
            module.load_state_dict(_below(tensors, prefix))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _below(tensors, "optimizer").items():
            index, key = name.split("/")
            state.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.generator.set_state(tensors["generator"])
        self.samples, self.seconds = int(facts["samples"]), float(facts["seconds"])


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix + "/"): value for name, value in tensors.items() if name.startswith(prefix + "/")}


def _fingerprint(recipe: Any) -> str:
    facts = asdict(recipe)
    # A run may be made longer or shorter while it is under way.
    del facts["schedule"]["samples"]
    return json.dumps(facts, sort_keys=True)
