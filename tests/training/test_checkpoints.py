from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from napari_deepblur.errors import DeepblurError, OutputError, TrainingDataError, WeightsError
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.loop import start_run
from napari_deepblur.training.recipes import Schedule


@dataclass(frozen=True)
class Recipe:
    schedule: Schedule = field(default_factory=lambda: Schedule(samples=80, batch_size=8))
    name: str = "one"


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 1, 3))


def new_run(recipe: Recipe | None = None, seed: int = 0) -> Run:
    recipe = recipe or Recipe()
    return start_run(network, recipe, recipe.schedule, seed, torch.device("cpu"))


def advance(run: Run, steps: int) -> None:
    for _ in range(steps):
        x = torch.randn(8, 1, 9, 9, generator=run.generator)
        run.optimizer.zero_grad()
        (run.network(x) - x[..., 2:-2, 2:-2]).square().mean().backward()
        run.optimizer.step()
        run.samples += 8
        run.update_average(0.9)


def assert_same_state(a: Run, b: Run) -> None:
    for one, other in ((a.network, b.network), (a.average, b.average)):
        assert one.state_dict().keys() == other.state_dict().keys()
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    first, second = a.optimizer.state_dict(), b.optimizer.state_dict()
    assert first["state"].keys() == second["state"].keys() != set()
    for index, state in first["state"].items():
        assert all(
            torch.equal(torch.as_tensor(v), torch.as_tensor(second["state"][index][k])) for k, v in state.items()
        )
    assert torch.equal(a.generator.get_state(), b.generator.get_state())
    assert (a.samples, a.seconds) == (b.samples, b.seconds)


def test_a_loaded_run_has_the_state_of_the_saved_one(tmp_path: Path) -> None:
    run = new_run()
    advance(run, 3)
    run.seconds = 12.5
    run.save(tmp_path / "checkpoint.safetensors")
    loaded = new_run(seed=7)
    loaded.load(tmp_path / "checkpoint.safetensors")
    assert_same_state(loaded, run)
    assert loaded.samples == 24


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    whole = new_run()
    advance(whole, 10)
    first = new_run()
    advance(first, 5)
    first.save(tmp_path / "checkpoint.safetensors")
    second = new_run(seed=3)
    second.load(tmp_path / "checkpoint.safetensors")
    advance(second, 5)
    assert_same_state(second, whole)


def test_saving_changes_nothing_and_leaves_one_file(tmp_path: Path) -> None:
    run, untouched = new_run(), new_run()
    advance(run, 2)
    advance(untouched, 2)
    run.save(tmp_path / "checkpoint.safetensors")
    run.save(tmp_path / "checkpoint.safetensors")
    assert_same_state(run, untouched)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_the_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    run = new_run()
    run.save(tmp_path / "checkpoint.safetensors")
    other = new_run(Recipe(name="other"))
    with pytest.raises(TrainingDataError, match=r"another recipe.*another output folder"):
        other.load(tmp_path / "checkpoint.safetensors")
    faster = dataclasses.replace(Recipe().schedule, peak=2e-3)
    with pytest.raises(TrainingDataError):
        new_run(Recipe(schedule=faster)).load(tmp_path / "checkpoint.safetensors")


def test_a_run_may_be_made_longer(tmp_path: Path) -> None:
    run = new_run()
    advance(run, 2)
    run.save(tmp_path / "checkpoint.safetensors")
    longer = new_run(Recipe(schedule=dataclasses.replace(Recipe().schedule, samples=800)))
    longer.load(tmp_path / "checkpoint.safetensors")
    assert longer.samples == 16


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_truncated_checkpoint_is_diagnosed(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "checkpoint.safetensors"
    new_run().save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"checkpoint\.safetensors cannot be read .*Delete it to start afresh"):
        new_run().load(path)


def test_a_file_that_is_no_checkpoint_is_diagnosed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="not a checkpoint of this version"):
        new_run().load(path)
    with pytest.raises(WeightsError, match="cannot be read"):
        new_run().load(tmp_path / "missing.safetensors")
    assert issubclass(WeightsError, DeepblurError) and issubclass(TrainingDataError, DeepblurError)


def test_a_checkpoint_is_plain_tensors(tmp_path: Path) -> None:
    run = new_run()
    advance(run, 1)
    run.save(tmp_path / "checkpoint.safetensors")
    tensors = load_file(tmp_path / "checkpoint.safetensors")
    torch.testing.assert_close(tensors["network/0.weight"], run.network.state_dict()["0.weight"], rtol=0, atol=0)
    assert {name.split("/")[0] for name in tensors} == {"generator", "network", "average", "optimizer"}


def test_the_average_starts_as_the_mean_of_all_weights_so_far_and_copies_buffers() -> None:
    run = new_run()
    with torch.no_grad():
        for value in run.average.parameters():
            value.zero_()
        for value in run.network.parameters():
            value.fill_(1.0)
    run.network[1].running_mean.fill_(5.0)  # type: ignore[index, union-attr, operator]
    run.samples = 8
    run.update_average(0.999)
    # One step: (1 + 1) / (10 + 1) of the old is kept, far less than 0.999.
    assert next(run.average.parameters()).flatten()[0].item() == pytest.approx(1 - 2 / 11)
    assert run.average[1].running_mean[0].item() == 5.0  # type: ignore[index, union-attr]
    run.samples = 10**6
    run.update_average(0.5)
    assert next(run.average.parameters()).flatten()[0].item() == pytest.approx(1 - 1 / 11)


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    run = new_run()
    advance(run, 1)
    run.save(tmp_path / "state.safetensors")
    data = bytearray((tmp_path / "state.safetensors").read_bytes())
    data[-20] ^= 64
    (tmp_path / "state.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="not those that were written"):
        new_run().load(tmp_path / "state.safetensors")


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    run = new_run()
    advance(run, 1)
    run.save(tmp_path / "gone" / "checkpoint.safetensors")
    again = new_run(seed=1)
    again.load(tmp_path / "gone" / "checkpoint.safetensors")
    assert_same_state(again, run)


def test_a_state_that_cannot_be_written_to_its_folder_is_kept_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder was")
    run = new_run()
    advance(run, 1)
    with pytest.raises(OutputError, match="kept: it is ") as caught:
        run.save(tmp_path / "taken" / "checkpoint.safetensors")
    kept = Path(str(caught.value).rsplit("it is ", 1)[1].rstrip("."))
    again = new_run(seed=1)
    again.load(kept)
    shutil.rmtree(kept.parent)
    assert_same_state(again, run)
