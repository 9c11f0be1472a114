"""What the distribution promises before any of its mathematics runs."""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from npe2 import PluginManifest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import napari_deepblur

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_deepblur"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

FRESH_IMPORT = """
import json, sys, time
start = time.perf_counter()
import napari_deepblur
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "modules": sorted(sys.modules)}))
"""


def _import_in_new_process() -> tuple[float, set[str]]:
    output = subprocess.run(
        [sys.executable, "-c", FRESH_IMPORT], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    result = json.loads(output)
    return result["seconds"], set(result["modules"])


def test_import_is_fast_and_loads_nothing_heavy() -> None:
    runs = [_import_in_new_process() for _ in range(5)]
    # The best of several: a busy machine can only make it slower.
    assert min(seconds for seconds, _ in runs) < 0.3
    for heavy in ("torch", "numpy", "scipy", "skimage", "matplotlib", "napari", "qtpy", "pydantic"):
        assert heavy not in runs[0][1], f"import napari_deepblur loads {heavy}"


def test_public_names_resolve_and_are_kept() -> None:
    assert set(napari_deepblur.__all__) <= set(dir(napari_deepblur))
    for name in napari_deepblur.__all__:
        value = getattr(napari_deepblur, name)
        assert getattr(napari_deepblur, name) is value
        if name != "__version__":
            assert value.__name__ == name


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'napari_deepblur' has no attribute 'deblurr'"):
        _ = napari_deepblur.deblurr


def test_version_is_that_of_the_metadata() -> None:
    assert napari_deepblur.__version__ == importlib.metadata.version("napari-deepblur")
    # Differs when the version was raised without installing again: pip install -e .
    assert napari_deepblur.__version__ == PROJECT["version"]


def test_version_is_in_the_changelog() -> None:
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _reachable(requirements: list[str]) -> set[str]:
    """Return the names of all distributions that these requirements bring, directly or not."""
    found: set[str] = set()
    todo = [(Requirement(text), "") for text in requirements]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        key = str(canonicalize_name(requirement.name))
        for wanted in ["", *requirement.extras]:
            if f"{key}[{wanted}]" in found:
                continue
            found.add(f"{key}[{wanted}]")
            try:
                more = importlib.metadata.requires(key) or []
            except importlib.metadata.PackageNotFoundError:
                more = []
            todo += [(Requirement(text), wanted) for text in more]
    return {name.partition("[")[0] for name in found}


def test_base_dependencies_bring_neither_qt_nor_napari() -> None:
    bindings = {"pyqt5", "pyqt6", "pyside2", "pyside6", "napari"}
    assert bindings.isdisjoint(_reachable(PROJECT["dependencies"]))
    extras = PROJECT["optional-dependencies"]
    assert bindings & _reachable(extras["napari"]) == {"napari"}
    assert bindings & _reachable(extras["all"]) == {"napari", "pyqt6"}


def test_what_is_tested_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {line for line in lines if line and not line.startswith("#")}
    assert "torch==2.13.0" in pins
    assert all(line.count("==") == 1 and "+" not in line and "@" not in line for line in pins)
    extras = PROJECT["optional-dependencies"]
    wanted = {
        str(canonicalize_name(Requirement(text).name))
        for text in [*PROJECT["dependencies"], *extras["all"], *extras["test"]]
    }
    assert wanted <= {line.partition("==")[0] for line in pins}


def test_manifest_is_valid_and_its_python_names_exist() -> None:
    manifest = PluginManifest.from_file(PACKAGE / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == PROJECT["name"]
    commands = {command.id: command for command in manifest.contributions.commands or []}
    widgets = {widget.display_name: widget.command for widget in manifest.contributions.widgets or []}
    assert commands[widgets["Deblur"]].title == "Deblur (napari-deepblur)"
    assert commands[widgets["Bead calibration"]].title == "Bead calibration (napari-deepblur)"
    menus = manifest.contributions.menus
    assert [item.command for item in menus["napari/layers/filter"]] == [widgets["Deblur"]]
    assert [item.command for item in menus["napari/layers/measure"]] == [widgets["Bead calibration"]]


def test_manifest_says_what_the_hub_shows_and_its_icon_is_a_drawing() -> None:
    manifest = PluginManifest.from_file(PACKAGE / "napari.yaml")
    assert {category.value for category in manifest.categories} >= {"Image Processing", "Measurement"}
    module, _, file = str(manifest.icon).partition(":")
    icon = files(module) / file
    root = ElementTree.fromstring(icon.read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    # A drawing, not a picture inside one; small enough for a menu.
    assert not list(root.iter("{http://www.w3.org/2000/svg}image"))
    assert len(icon.read_bytes()) < 4096
    assert "Framework :: napari" in PROJECT["classifiers"]
    assert {"napari", "deconvolution", "microscopy"} <= set(PROJECT["keywords"])


@pytest.mark.parametrize("name", ["napari-deepblur", str(PACKAGE / "napari.yaml")])
def test_npe2_has_nothing_to_say_against_the_manifest(name: str) -> None:
    program = Path(sysconfig.get_path("scripts")) / "npe2"
    run = subprocess.run([program, "validate", "--imports", name], capture_output=True, text=True, timeout=120)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    assert "valid!" in said
    assert "warning" not in said.lower(), said


def test_manifest_is_found_through_the_installed_entry_point() -> None:
    installed = PluginManifest.from_distribution("napari-deepblur")
    assert installed.contributions == PluginManifest.from_file(PACKAGE / "napari.yaml").contributions


def test_the_root_manifest_is_a_link_to_the_one_in_the_package() -> None:
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == (PACKAGE / "napari.yaml").resolve()


def test_every_data_file_is_packaged() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = parser["options.package_data"]["napari_deepblur"].split()
    packaged = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    data = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and not path.name.startswith(".")
    }
    assert data <= packaged, "not installed by a wheel: add it to setup.cfg"
    for pattern in patterns:
        assert list(PACKAGE.glob(pattern)), f"{pattern} in setup.cfg matches nothing"


def test_imports_go_one_way() -> None:
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    run = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_commit_hooks_run_what_the_tests_check_with_the_same_tools() -> None:
    """Each check of `script/test` but pytest is a hook, of the same tool, which is installed and pinned."""
    script = (ROOT / "script" / "test").read_text("utf-8")
    found = re.findall(r'^(?:check|start) "[^"]+" "\$bin/([^"]+)"(.*)$', script, re.M)
    checks = [shlex.split(program + options) for program, options in found]
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [one["repo"] for one in configuration["repos"]] == ["local"]
    hooks = configuration["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    # What differs: hooks are given the files, and a formatter may format them.
    beside = {"--force-exclude", "--check", "."}
    expected, hooked = (
        [[word for word in words if word not in beside] for words in commands]
        for commands in (checks, [shlex.split(hook["entry"]) for hook in hooks])
    )
    assert hooked == expected and len(expected) > 4
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()}
    packages = {"lint-imports": "import-linter", "python": "sphinx"}
    assert {packages.get(words[0], words[0]) for words in hooked} <= pins
