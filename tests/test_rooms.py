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
ROOMS = sorted(path for path in PACKAGE.rglob("__init__.py") if "attach_stub(" in path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return ".".join(("napari_deepblur", *path.parent.relative_to(PACKAGE).parts))


def test_every_stub_is_that_of_a_room() -> None:
    assert ROOMS == sorted(path.with_suffix(".py") for path in PACKAGE.rglob("*.pyi"))


@pytest.mark.parametrize("path", ROOMS, ids=_name)
def test_a_room_gives_what_it_promises(path: Path) -> None:
    promised = {
        (f"{_name(path)}.{node.module}", alias.name)
        for node in ast.walk(ast.parse(path.with_suffix(".pyi").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    room = import_module(_name(path))
    assert set(room.__all__) - {"__version__"} == {name for _, name in promised}
    for module, name in promised:
        assert getattr(room, name) is getattr(import_module(module), name)
        # A module of the same name does not take its place.
        assert not isinstance(getattr(room, name), ModuleType)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"napari_deepblur.optics attribute lens"):
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
