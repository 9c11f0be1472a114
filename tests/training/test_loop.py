from __future__ import annotations

import csv
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from napari_deepblur.errors import TrainingDataError
from napari_deepblur.networks.deblurring import DeblurringConfig
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.deblurring import train_deblurring
from napari_deepblur.training.identification import train_identification
from napari_deepblur.training.loop import CHECKPOINT, LOG, Rows, format_table, start_run, train
from napari_deepblur.training.recipes import DeblurringRecipe, IdentificationRecipe, Schedule

CPU = torch.device("cpu")
# The rate is that of the plateau throughout, so that it does not depend on the length of the run.
CONSTANT = {"rise": 1e-9, "fall": 1e-9}


@dataclass(frozen=True)
class Recipe:
    schedule: Schedule = field(default_factory=lambda: Schedule(samples=400, batch_size=8, peak=1e-2, **CONSTANT))


def toy_loss(run: Run) -> Tensor:
    x = torch.randn(8, 5, generator=run.generator)
    return (run.network(x) - x.sum(1, keepdim=True)).square().mean()


def toy_rows(network: nn.Module) -> Rows:
    assert not network.training
    x = torch.eye(5)
    return [{"noise": "none", "error": (network(x) - 1).square().mean().item()}]


def toy_train(folder: Path, samples: int, minutes: float | None = None) -> Run:
    recipe = Recipe(dataclasses.replace(Recipe().schedule, samples=samples))
    run = start_run(lambda: nn.Linear(5, 1), recipe, recipe.schedule, 0, CPU)
    train(run, recipe.schedule, toy_loss, toy_rows, folder, minutes=minutes)
    return run


def weights(module: nn.Module) -> list[Tensor]:
    return [value.clone() for value in module.state_dict().values()]


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / LOG).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_loop_learns(tmp_path: Path) -> None:
    run = toy_train(tmp_path, 6400)
    assert run.samples == 6400
    (row,) = log(tmp_path)
    assert float(row["error"]) < 0.05 and row["samples"] == "6400"


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    one, other = toy_train(tmp_path / "one", 80), toy_train(tmp_path / "other", 80)
    assert all(map(torch.equal, weights(one.network), weights(other.network)))


def test_two_halves_are_the_whole_bit_for_bit(tmp_path: Path) -> None:
    whole = toy_train(tmp_path / "whole", 160)
    toy_train(tmp_path / "halves", 80)
    halves = toy_train(tmp_path / "halves", 160)
    assert halves.samples == 160
    assert all(map(torch.equal, weights(halves.network), weights(whole.network)))
    assert all(map(torch.equal, weights(halves.average), weights(whole.average)))
    assert [row["samples"] for row in log(tmp_path / "halves")] == ["80", "160"]


def test_a_finished_run_is_only_validated_again(tmp_path: Path) -> None:
    first = toy_train(tmp_path, 80)
    second = toy_train(tmp_path, 80)
    assert all(map(torch.equal, weights(second.network), weights(first.network)))


def test_without_time_nothing_is_trained_but_the_run_is_kept(tmp_path: Path) -> None:
    run = toy_train(tmp_path, 80, minutes=0)
    assert run.samples == 0 and (tmp_path / CHECKPOINT).exists()
    assert toy_train(tmp_path, 80).samples == 80


def test_gradients_are_clipped(tmp_path: Path) -> None:
    recipe = Recipe(Schedule(samples=8, batch_size=8, largest_gradient=0.5))
    run = start_run(lambda: nn.Linear(5, 1), recipe, recipe.schedule, 0, CPU)
    train(run, recipe.schedule, lambda run: 1e6 * toy_loss(run), toy_rows, tmp_path)
    gradient = torch.cat([p.grad.flatten() for p in run.network.parameters() if p.grad is not None])
    assert gradient.norm().item() == pytest.approx(0.5, rel=1e-3)


def test_the_table_is_markdown() -> None:
    table = format_table([{"noise": "none", "db": 12.3456}, {"noise": "high", "db": -1.0}])
    assert table.splitlines() == ["| noise | db |", "| --- | --- |", "| none | 12.346 |", "| high | -1.000 |"]


IDENTIFICATION = IdentificationRecipe(
    IdentificationConfig(widths=(4, 8), blocks=(1, 1), map_width=4, hidden=16, candidates=3, tells_depth=True),
    Schedule(samples=8, batch_size=2, **CONSTANT),
    image_size=64,
)
BANK = torch.randint(0, 256, (2, 430, 430), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def train_tiny_identification(
    folder: Path, samples: int, seed: int = 0, start: IdentificationNetwork | None = None
) -> IdentificationNetwork:
    schedule = dataclasses.replace(IDENTIFICATION.schedule, samples=samples)
    recipe = dataclasses.replace(IDENTIFICATION, schedule=schedule, seed=seed)
    return train_identification(recipe, BANK, BANK, folder, start=start, validation_images=2)


def test_identification_resumes_exactly_and_refuses_another_recipe(tmp_path: Path) -> None:
    whole = train_tiny_identification(tmp_path / "whole", 8)
    train_tiny_identification(tmp_path / "halves", 4)
    halves = train_tiny_identification(tmp_path / "halves", 8)
    assert all(map(torch.equal, weights(halves), weights(whole)))
    rows = log(tmp_path / "whole")
    assert [row["noise"] for row in rows] == [
        *(f"{noise}, {light}" for light in ("scalar", "vectorial") for noise in ("none", "medium", "high")),
        "medium, thick",
    ]
    assert all(float(row["psf_snr_db"]) < 60 and float(row["mean_psf_row_db"]) > 0 for row in rows)
    with pytest.raises(TrainingDataError, match="another recipe"):
        train_tiny_identification(tmp_path / "halves", 8, seed=1)


def test_training_starts_from_given_weights_and_a_run_in_the_folder_from_its_own(tmp_path: Path) -> None:
    torch.manual_seed(7)
    given = IdentificationNetwork(IDENTIFICATION.network)
    before = weights(given)
    # Of a run without steps, what is exported is what was given.
    untouched = train_tiny_identification(tmp_path / "none", 0, start=given)
    assert all(map(torch.equal, weights(untouched), before))
    one, other = (train_tiny_identification(tmp_path / name, 2, start=s) for name, s in (("a", given), ("b", None)))
    start = nn.utils.parameters_to_vector(given.parameters())
    distance = [(nn.utils.parameters_to_vector(network.parameters()) - start).norm() for network in (one, other)]
    assert 0 < distance[0] < 0.05 * distance[1]
    assert all(map(torch.equal, weights(given), before))
    # Continued, with or without: the folder decides.
    again = train_tiny_identification(tmp_path / "a", 2)
    assert all(map(torch.equal, weights(again), weights(one)))
    elsewhere = train_tiny_identification(tmp_path / "b", 2, start=given)
    assert all(map(torch.equal, weights(elsewhere), weights(other)))
    # Older weights do not tell depth; what they know is kept.
    older = IdentificationNetwork(dataclasses.replace(IDENTIFICATION.network, tells_depth=False))
    grown = train_tiny_identification(tmp_path / "d", 0, start=older)
    assert grown.config.tells_depth and all(
        torch.equal(grown.state_dict()[name], value) for name, value in older.state_dict().items()
    )
    # What weights foresee holds for these alone: it is left behind.
    foreseeing = IdentificationNetwork(dataclasses.replace(IDENTIFICATION.network, foresees=4))
    trained = train_tiny_identification(tmp_path / "e", 0, start=foreseeing)
    assert trained.config == IDENTIFICATION.network and all(
        torch.equal(foreseeing.state_dict()[name], value) for name, value in trained.state_dict().items()
    )
    with pytest.raises(TrainingDataError, match=r"another architecture.*hidden=32.*hidden=16"):
        another = IdentificationNetwork(dataclasses.replace(IDENTIFICATION.network, hidden=32))
        train_tiny_identification(tmp_path / "c", 2, start=another)


def test_deblurring_resumes_exactly_and_leaves_the_identification_network_alone(tmp_path: Path) -> None:
    identification = IdentificationNetwork(IDENTIFICATION.network)
    before = weights(identification)

    def train_tiny(folder: Path, samples: int) -> list[Tensor]:
        recipe = DeblurringRecipe(
            DeblurringConfig(channels=(4, 8), blocks=1, iterations=2, shared=True),
            Schedule(samples=samples, batch_size=4, **CONSTANT),
            fields=2,
            patch_size=32,
            identification=IDENTIFICATION,
        )
        return weights(train_deblurring(recipe, identification, BANK, BANK, folder, validation_images=1))

    whole = train_tiny(tmp_path / "whole", 16)
    train_tiny(tmp_path / "halves", 8)
    assert all(map(torch.equal, train_tiny(tmp_path / "halves", 16), whole))
    assert all(map(torch.equal, weights(identification), before))
    for row in log(tmp_path / "whole"):
        assert {"blurred", "estimated", "true", "mean_psf"} <= set(row)
        assert all(-1 <= float(row[name]) <= 1 for name in ("blurred", "estimated", "true", "mean_psf"))
