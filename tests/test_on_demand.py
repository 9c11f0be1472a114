"""Rooms give their names when they are first used, and the same names that the type checker sees."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "napari_deepblur"
ROOMS = sorted(path for path in PACKAGE.rglob("__init__.py") if "on_demand(" in path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return ".".join(("napari_deepblur", *path.parent.relative_to(PACKAGE).parts))


@pytest.mark.parametrize("path", ROOMS, ids=_name)
def test_a_room_gives_what_it_promises(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = {
        (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = next(
        ast.literal_eval(node.args[1])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "on_demand"
    )
    assert typed == {(module, name) for module, names in homes.items() for name in names}
    room = import_module(_name(path))
    assert set(room.__all__) == {name for _, name in typed} <= set(dir(room))
    for module, name in typed:
        assert getattr(room, name) is getattr(import_module(str(module)), name)
        # A module of the same name does not take its place.
        assert not isinstance(getattr(room, name), ModuleType)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'napari_deepblur.optics' has no attribute 'lens'"):
        _ = import_module("napari_deepblur.optics").lens


def test_a_name_is_not_that_of_a_module() -> None:
    code = (
        "import napari_deepblur.optics.transfer; from napari_deepblur.optics import transfer; assert callable(transfer)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "code",
    [
        "from napari_deepblur.optics import Microscope",
        "from napari_deepblur.noise import PoissonGaussianNoise",
        "from napari_deepblur.pipeline import DeblurSettings; DeblurSettings(method='wiener')",
        "from napari_deepblur.pipeline.reproduce import as_python",
        "from napari_deepblur.calibration import PupilChoice, Reason",
        "from napari_deepblur.identification.results import Identification",
    ],
)
def test_facts_need_no_torch(code: str) -> None:
    check = "import sys; loaded = {'torch', 'scipy', 'skimage'} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", f"{code}; {check}"], check=True)
