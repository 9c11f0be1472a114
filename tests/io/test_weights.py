"""Weights: what comes back, and every way in which a file can be wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_deepblur.errors import AssumptionWarning, OutputError, WeightsError
from napari_deepblur.io.tensor_files import digest
from napari_deepblur.io.weights import (
    FOLDER_VARIABLE,
    find_weights,
    load_deblurring,
    load_identification,
    read_weights,
    save_weights,
)
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.networks.identification import Given, IdentificationConfig, IdentificationNetwork

IDENTIFICATION = IdentificationConfig(
    modes=(4, 7), widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=8, candidates=2
)
DEBLURRING = DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=2, shared=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "deblurring-light.safetensors"
    save_weights(file, DeblurringNetwork(DEBLURRING), {"samples": 7, "data": "spots"})
    return file


def _rewrite(path: Path, header: dict[str, str | None] | None = None, **tensors: Tensor | None) -> None:
    """Change entries of the header and tensors of a file; None removes one."""
    with safe_open(path, "pt") as file:
        facts = dict(file.metadata())
        values = {name: file.get_tensor(name) for name in file.keys()}
    for table, changes in ((facts, header or {}), (values, tensors)):
        for key, value in changes.items():
            if value is None:
                del table[key]
            else:
                table[key] = value
    if "sha256" in facts:
        facts["sha256"] = digest(values)
    save_file(values, path, facts)


def _first_name(path: Path) -> str:
    with safe_open(path, "pt") as file:
        return next(iter(file.keys()))


def test_a_network_comes_back_as_its_half_precision_self(path: Path) -> None:
    torch.manual_seed(0)
    network = DeblurringNetwork(DEBLURRING)
    save_weights(path, network, {})
    back = load_deblurring(path)
    assert back.config == DEBLURRING
    assert not back.training
    assert not any(parameter.requires_grad for parameter in back.parameters())
    expected = network.state_dict()
    assert back.state_dict().keys() == expected.keys()
    for name, value in back.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected[name].half().float(), rtol=0, atol=0)


def test_the_file_is_in_half_precision(path: Path) -> None:
    with safe_open(path, "pt") as file:
        types = {file.get_tensor(name).dtype for name in file.keys()}
    assert types == {torch.float16}


def test_statistics_and_counters_of_an_identification_network_come_back(tmp_path: Path) -> None:
    network = IdentificationNetwork(IDENTIFICATION)
    network.train()
    given = Given(torch.zeros(2, 2), torch.full((2, 2), 0.15), torch.ones(2, 1), torch.full((2, 1), 0.9))
    for _ in range(3):
        network(torch.rand(2, 1, 128, 128), given)
    save_weights(tmp_path / "w.safetensors", network, {})
    back = load_identification(tmp_path / "w.safetensors")
    assert back.config == IDENTIFICATION
    image = torch.rand(2, 1, 128, 128)
    with torch.no_grad():
        found, expected = back(image, given), network.eval()(image, given)
    torch.testing.assert_close(found.theta, expected.theta, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.candidates, expected.candidates, atol=2e-3, rtol=0)
    counters = [value for name, value in back.state_dict().items() if "num_batches" in name]
    assert counters and all(value.item() == 3 for value in counters)


def test_facts_and_hash_are_told(path: Path) -> None:
    loaded = read_weights(path).about
    assert loaded.facts == {"samples": 7, "data": "spots"}
    assert loaded.path == path
    assert len(loaded.sha256) == 16
    save_weights(path, DeblurringNetwork(DEBLURRING), {"samples": 8})
    assert read_weights(path).about.sha256 != loaded.sha256


@pytest.mark.parametrize("kept", [0, 4, 100, 5000, -1])
def test_truncated_files_are_diagnosed(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"deblurring-light\.safetensors is missing, truncated or not"):
        load_deblurring(path)
    with pytest.raises(WeightsError, match="truncated"):
        read_weights(path)


def test_pickles_and_other_files_are_refused_unread(path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_deblurring(path)


def test_foreign_safetensors_are_refused(path: Path) -> None:
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="no format name"):
        load_deblurring(path)


def test_a_future_format_is_named(path: Path) -> None:
    _rewrite(path, {"format": "napari-deepblur weights 2"})
    with pytest.raises(WeightsError, match=r"weights 2.*expected.*weights 1"):
        load_deblurring(path)


def test_a_future_option_of_the_architecture_is_named(path: Path) -> None:
    config: dict[str, Any] = {"channels": (4, 4, 4, 4), "heads": 3}
    _rewrite(path, {"config": json.dumps(config)})
    with pytest.raises(WeightsError, match=r"does not fit this version.*heads"):
        load_deblurring(path)


@pytest.mark.parametrize("config", [None, "not json", "[1, 2]", "3", '{"channels": "abcd"}', '{"blocks": null}'])
def test_a_damaged_header_is_diagnosed(path: Path, config: str | None) -> None:
    _rewrite(path, {"config": config})
    with pytest.raises(WeightsError, match="does not fit this version"):
        load_deblurring(path)


def test_damaged_facts_are_diagnosed(path: Path) -> None:
    _rewrite(path, {"facts": "{"})
    with pytest.raises(WeightsError):
        read_weights(path)


def test_the_other_network_is_named(path: Path) -> None:
    with pytest.raises(WeightsError, match=r"DeblurringNetwork, expected IdentificationNetwork"):
        load_identification(path)


def test_missing_and_surplus_arrays_are_diagnosed(path: Path) -> None:
    _rewrite(path, surplus=torch.zeros(3))
    with pytest.raises(WeightsError, match="surplus"):
        load_deblurring(path)
    _rewrite(path, None, surplus=None, **{_first_name(path): None})
    with pytest.raises(WeightsError, match="does not fit"):
        load_deblurring(path)


def test_arrays_of_another_shape_are_diagnosed(path: Path) -> None:
    _rewrite(path, None, **{_first_name(path): torch.zeros(1, 2, 3, 4, dtype=torch.float16)})
    with pytest.raises(WeightsError, match="does not fit"):
        load_deblurring(path)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_not_finite_are_refused(path: Path, value: float) -> None:
    name = _first_name(path)
    with safe_open(path, "pt") as file:
        spoilt = file.get_tensor(name).clone()
    spoilt.view(-1)[0] = value
    _rewrite(path, None, **{name: spoilt})
    with pytest.raises(WeightsError, match="not finite"):
        load_deblurring(path)


def test_the_folder_of_the_environment_comes_before_the_package(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(path.parent))
    for which in (None, "auto", "light"):
        assert find_weights("deblurring", which) == path
    paper = path.with_name("deblurring-paper.safetensors")
    path.rename(paper)
    assert find_weights("deblurring", "paper") == paper


def test_a_folder_that_is_none_is_said_and_leaves_those_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    shipped = find_weights("deblurring")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mistyped"))
    with pytest.warns(AssumptionWarning, match=r"NAPARI_DEEPBLUR_WEIGHTS is .*mistyped.* no folder"):
        assert find_weights("deblurring") == shipped


def test_an_explicit_file_comes_first(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(path.read_bytes())
    assert find_weights("deblurring", mine) == mine
    assert load_deblurring(str(mine)).config == DEBLURRING


def test_missing_weights_are_one_line_with_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    monkeypatch.setattr("napari_deepblur.io.weights_folders.files", lambda _: tmp_path / "package")
    for which in (None, "light", "paper"):
        with (
            pytest.warns(AssumptionWarning, match="no folder"),
            pytest.raises(WeightsError, match=FOLDER_VARIABLE) as caught,
        ):
            load_identification(which)
        message = str(caught.value)
        assert "\n" not in message
        assert str(tmp_path / "absent") in message
        assert str(tmp_path / "package" / "weights") in message
    with pytest.raises(WeightsError, match=r"no weights file .*mine\.safetensors"):
        load_identification(tmp_path / "mine.safetensors")


def test_a_failing_write_leaves_the_old_weights(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = path.read_bytes()

    def disk_full(_: object, partial: Path, __: object) -> None:
        Path(partial).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_deepblur.io.weights.save_file", disk_full)
    with pytest.raises(OutputError, match="No space"):
        save_weights(path, DeblurringNetwork(DEBLURRING), {})
    assert path.read_bytes() == old
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_one_flipped_bit_is_found(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="not those that were written"):
        load_deblurring(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("channels", [10**9] * 4), ("channels", [4000] * 4), ("blocks", 10**9), ("iterations", 4000), ("steps", 10**12)],
)
def test_a_header_that_claims_a_giant_is_refused_before_the_network_is_made(path: Path, name: str, value: Any) -> None:
    config = {"channels": [4] * 4, "blocks": 1, "iterations": 2, "shared": True} | {name: value}
    _rewrite(path, {"config": json.dumps(config)})
    with pytest.raises(WeightsError, match="does not fit"):
        load_deblurring(path)


def test_facts_that_are_nested_without_end_are_diagnosed(path: Path) -> None:
    _rewrite(path, {"facts": "[" * 100_000})
    with pytest.raises(WeightsError, match="unreadable facts"):
        load_deblurring(path)


def test_the_hashes_of_the_shipped_weights_are_those_of_the_files() -> None:
    """Where this fails, weights were exchanged: run docs/weights_hashes.py."""
    folder = Path(str(files("napari_deepblur")))
    listed = json.loads((folder / "weights" / "hashes.json").read_text())
    shipped = [*folder.glob("weights/*.safetensors"), *folder.glob("families/*.*.safetensors")]
    assert shipped
    for file in shipped:
        with safe_open(file, "pt") as opened:
            written = (opened.metadata() or {}).get("sha256", listed.get(file.name))
            assert written == digest({name: opened.get_tensor(name) for name in opened.keys()}), file.name


def test_weights_are_loaded_without_what_torch_compiles_with() -> None:
    """It is imported when numbers are made without memory, and takes longer than all the rest."""
    script = """
import sys
from napari_deepblur.io.weights import load_deblurring, load_identification
load_identification(), load_deblurring()
print("sympy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_is_done_to_a_loaded_network_is_not_done_to_the_next() -> None:
    one, before = load_identification("light"), load_identification("light").state_dict()
    with torch.no_grad():
        one.answer.bias.add_(1)
    assert all(torch.equal(before[name], value) for name, value in load_identification("light").state_dict().items())


def test_the_header_is_json_whatever_the_facts(path: Path) -> None:
    save_weights(path, DeblurringNetwork(DEBLURRING), {"validation": [{"loss": float("nan"), "row_db": float("inf")}]})
    with safe_open(path, "pt") as file:
        assert file.metadata()["facts"] == '{"validation": [{"loss": null, "row_db": null}]}'
