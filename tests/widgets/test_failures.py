"""What is said of errors: a diagnosis stays as it is; of all others the details are kept, and it is said where."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject

import napari_deepblur
from napari_deepblur.errors import ImageError
from napari_deepblur.widgets import failures, job, latest
from napari_deepblur.widgets.failures import details_file, keep_details, told

WAIT_MS = 60_000


def test_a_diagnosis_stays_as_it_is() -> None:
    assert told(ImageError("All pixels are equal."), "Nothing was added.") == "All pixels are equal."


def test_what_nobody_expected_says_where_the_details_are_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ValueError("shapes (3,)\nand (4,) do not match.")
    said = told(error, "Nothing was added.")
    assert said.startswith("Unexpected error, ValueError: shapes (3,) and (4,) do not match. Nothing was added. ")
    assert str(details_file()) in said and "please report it with that file" in said
    monkeypatch.setattr(failures, "project_address", {"Issues": "https://example.org/issues"}.get)
    assert "report it at https://example.org/issues with that file" in told(error)
    assert told(RuntimeError()).startswith("Unexpected error, RuntimeError. ")


def test_a_run_and_a_preview_keep_the_details(qtbot: QtBot, user_files: Path) -> None:
    def fails() -> Generator[None, None, None]:
        yield
        raise KeyError("of the run")

    def breaks() -> None:
        raise KeyError("of the preview")

    parent = QObject()
    run = job.Job(parent)
    with qtbot.waitSignal(run.failed, timeout=WAIT_MS):
        run.start(fails)
    assert details_file().parent == user_files
    text = details_file().read_text(encoding="utf-8")
    assert "of the run" in text and "in fails" in text and napari_deepblur.__version__ in text
    preview = latest.Latest(parent)
    with qtbot.waitSignal(preview.failed, timeout=WAIT_MS):
        preview.request(breaks)
    assert "in breaks" in details_file().read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_no_second_error(user_files: Path, caplog: pytest.LogCaptureFixture) -> None:
    user_files.parent.mkdir()
    user_files.write_text("a file where the folder would be")
    keep_details("the trace")
    assert "the trace" in caplog.text and "could not be written" in caplog.text
