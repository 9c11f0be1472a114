"""Bars are for those who watch: in files of a log nothing is written over."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_deepblur.cli.progress import counted, remark, run_with_bar, say
from napari_deepblur.progress import Progress


class Terminal(io.StringIO):
    """A stream that says that somebody watches it."""

    def isatty(self) -> bool:
        return True


def steps() -> Iterator[Progress]:
    yield Progress("deblur", 1, 2)
    yield Progress("deblur", 2, 2)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_shows_a_bar_unless_it_shall_be_quiet(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    watched = Terminal()
    monkeypatch.setattr("sys.stderr", watched)
    run_with_bar(steps(), quiet)
    list(counted([1, 2], 2, quiet))
    assert ("Deblurring" in watched.getvalue()) != quiet


def test_no_bar_goes_into_a_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "log.txt").open("w") as log:
        monkeypatch.setattr("sys.stderr", log)
        run_with_bar(steps(), quiet=False)
        list(counted([1, 2], 2, quiet=False))
    assert (tmp_path / "log.txt").read_text() == ""


def test_what_is_said_is_one_line_that_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b[2J\rb\nc\x07\u202ed ä 日本"
    for write in (say, remark(quiet=False)):
        write(hostile)
        assert capsys.readouterr().err == "a�[2J b c��d ä 日本\n"
