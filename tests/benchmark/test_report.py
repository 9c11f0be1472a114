from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.reports.report import Origin, Report, check_folder, find_origin, table, write_report
from napari_deepblur.errors import OutputError, SettingsError

ROWS = (
    {"method": "ours", "dB": 12.345, "share": 0.25, "none": None},
    {"method": "theirs", "dB": float("inf"), "share": 3, "none": None},
)


def test_a_report_is_written_whole(origin: Origin, tmp_path: Path) -> None:
    report = Report("name", "Title", origin, 61.0, ROWS, ("a note",), {"map": [[1.0, float("nan")]]})
    as_json, as_markdown = write_report(report, tmp_path)
    content = json.loads(as_json.read_text())
    assert content["rows"][0] == ROWS[0] and content["rows"][1]["dB"] is None
    assert content["details"] == {"map": [[1.0, None]]}
    assert {content[key] for key in ("seed", "commit", "device", "date", "seconds")} == {
        1,
        "abc",
        "cpu",
        "2026-01-01",
        61.0,
    }
    text = as_markdown.read_text()
    for part in (
        "# Title",
        "`napari-deepblur benchmark x`",
        "identification 12ab",
        "commit abc",
        "61 seconds",
        "- a note",
    ):
        assert part in text


def test_tables_have_the_columns_of_the_first_row() -> None:
    assert table(ROWS) == [
        "| method | dB | share | none |",
        "|---|---|---|---|",
        "| ours | 12.3 | 0.250 |  |",
        "| theirs |  | 3 |  |",
    ]


def test_the_origin_names_weights_commit_and_hardware() -> None:
    found = find_origin("command", 3, torch.device("cpu"), ("identification",))
    assert found.torch == torch.__version__ and found.device.startswith("cpu (") and found.commit
    assert set(found.weights) == {"identification"}


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_that_cannot_be(seed: int) -> None:
    with pytest.raises(SettingsError, match="seed"):
        find_origin("command", seed, torch.device("cpu"), ())


def test_places_are_checked_before_the_work(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "folder", ["name"])
    assert (tmp_path / "new" / "folder").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        check_folder(tmp_path / "file", ["name"])
    (tmp_path / "name.png").mkdir()
    with pytest.raises(OutputError, match=r"name\.png"):
        check_folder(tmp_path, ["name"])
