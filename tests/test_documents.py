"""The documents can be followed: links lead somewhere, commands are understood, the Python in the README runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_deepblur
from napari_deepblur.cli import _parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")
INLINE = re.compile(r"`(napari-deepblur [^`]+)`")


def _commands(path: Path) -> list[str]:
    """Shell lines of a document, continued ones joined: indented, or between backticks."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    napari-deepblur ")]
    found = [*lines, *INLINE.findall(re.sub(r"\n\s*", " ", text))]
    # A verb alone, or with a placeholder in place of arguments, is a name and not a command.
    return [command.split("#")[0].split(" > ")[0] for command in found if " -" in command]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    missing = [
        target
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target.partition("#")[0]).exists()
    ]
    assert not missing


def test_pictures_are_shown() -> None:
    shown = {Path(t).name for path in DOCUMENTS for t in LINK.findall(path.read_text(encoding="utf-8"))}
    assert {path.name for path in (ROOT / "docs" / "images").glob("*.png")} <= shown


def test_public_names_are_in_the_reference() -> None:
    listed = set(re.findall(r"auto(?:function|class):: (\w+)", (ROOT / "docs" / "api.md").read_text(encoding="utf-8")))
    assert listed == set(napari_deepblur.__all__) - {"__version__"}


def test_there_are_commands_to_test() -> None:
    assert len(_commands(ROOT / "README.md")) > 5
    assert sum(len(_commands(path)) for path in DOCUMENTS) > 14


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_are_understood(path: Path) -> None:
    for command in _commands(path):
        if not command.startswith("napari-deepblur --"):
            try:
                _parser().parse_args(shlex.split(command)[1:])
            except SystemExit:
                pytest.fail(f"not understood: {command}")


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    rng = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "cells.tif", rng.poisson(200 + 100 * rng.random((96, 96))).astype(np.uint16))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
