"""The promises that nobody has to take on trust: no network, nothing unpickled, named tests exist, licences listed."""

from __future__ import annotations

import ast
import re
import socket
import tomllib
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import tifffile
from packaging.requirements import Requirement

from napari_deepblur.cli import main

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "napari_deepblur").rglob("*.py"))

EXECUTE = {"eval", "exec", "compile", "__import__"}
UNPICKLE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NETWORK = {"socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "pooch"}


def imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def calls(tree: ast.AST) -> set[str]:
    """Names of what is called: `eval`, `torch.load`."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_nothing_is_unpickled_executed_or_sent(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not imported(tree) & (UNPICKLE | NETWORK)
    assert not calls(tree) & (EXECUTE | {"torch.load", "np.load", "numpy.load", "pickle.loads", "yaml.load"})


def test_the_search_for_unpickling_would_notice() -> None:
    tree = ast.parse("import urllib.request\nfrom pickle import loads\ntorch.load(path)\neval(text)")
    assert imported(tree) == {"urllib", "pickle"} and calls(tree) == {"torch.load", "eval"}


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    tried: list[Any] = []

    def refused(*args: Any, **_: Any) -> NoReturn:
        tried.append(args)
        raise OSError("this test has no network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refused)
    return tried


@pytest.mark.filterwarnings("ignore")
def test_a_run_needs_no_network(tmp_path: Path, no_network: list[Any]) -> None:
    image = np.random.default_rng(0).poisson(200, (64, 64)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "image.tif", image)
    optics = ["--na", "1.2", "--n-immersion", "1.5", "--wavelength-um", "0.6", "--pixel-size-um", "0.09"]
    assert main(["deblur", str(tmp_path / "image.tif"), "-o", str(tmp_path / "out.tif"), "--quiet", *optics]) in (
        None,
        0,
    )
    assert tifffile.imread(tmp_path / "out.tif").shape == (64, 64)
    assert no_network == []


def rows() -> list[list[str]]:
    lines = (ROOT / "TRUST.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells[2:] if not set("".join(row)) <= set("-: ")]


def test_each_promise_names_a_test_that_exists() -> None:
    assert len(rows()) > 15
    for promise, tests, _figure, limit in rows():
        named = re.findall(r"`(tests/[^`:]+|benchmarks/[^`:]+)(?:::([^`]+))?`", tests)
        assert named and limit, promise
        for path, name in named:
            assert (ROOT / path).is_file(), f"{promise}: {path}"
            assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{promise}: {path}::{name}"


def test_the_licence_of_each_dependency_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w-]+", " ".join(line for line in text.splitlines() if line.startswith("|"))))
    assert {Requirement(name).name for name in wanted} - {"napari-deepblur"} <= listed
