"""ARCHITECTURE.md names only what exists, and every room."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_deepblur"
BENCHMARKS = ROOT / "benchmarks"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`\n]+)`", TEXT)


def test_every_path_exists() -> None:
    paths = [name for name in QUOTED if "/" in name and " " not in name]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_file_named_without_its_folder_exists() -> None:
    files = [name for name in QUOTED if re.fullmatch(r"\w+\.(py|toml|yaml)", name)]
    assert len(files) > 5
    modules = [*PACKAGE.rglob("*.py"), *BENCHMARKS.rglob("*.py")]
    known = {path.name for path in [*modules, *ROOT.glob("*.toml"), *ROOT.glob("*.yaml")]}
    assert [name for name in files if name not in known] == []


def test_every_class_and_constant_exists() -> None:
    folders = (PACKAGE, BENCHMARKS, ROOT / "tests")
    source = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    names = {name for name in QUOTED if re.fullmatch(r"_?[A-Za-z]+", name) and not name.islower()}
    assert len(names) > 8
    assert {name for name in names if not re.search(rf"\b{name}\b\s*[:=(]", source)} == set()


def test_every_room_is_described() -> None:
    rooms = {path.parent.relative_to(ROOT) for house in (PACKAGE, BENCHMARKS) for path in house.glob("*/__init__.py")}
    assert len(rooms) > 15
    assert {room.as_posix() for room in rooms if f"`{room.as_posix()}/`" not in TEXT} == set()
