"""Every field of the settings is known wherever settings go, and described wherever it is shown."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from napari_deepblur.cli import _parser
from napari_deepblur.cli.arguments import read_settings
from napari_deepblur.cli.option_table import as_markdown, made, stored
from napari_deepblur.io.images import write_tiff
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.options import PARTS, as_options, as_parts
from napari_deepblur.pipeline.parts import variants
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.reproduce import Input, as_command_line, as_python
from tests.pipeline.changed_settings import EVERY, OPTICS, SHAPE, changed

ROOT = Path(__file__).parents[2]


def test_every_field_is_an_option_and_says_what_it_is() -> None:
    fields = {(part, name) for part in PARTS for model in variants(part) for name in model.model_fields}
    known = {(option.part, option.field) for option in EVERY.values()}
    # The file is what the family is; that noise is known follows from its numbers.
    assert fields - known == {("blur", "file"), ("noise", "kind")}
    assert {name for part, name in known if part == "microscope"} == set(vars(OPTICS))
    for option in EVERY.values():
        assert option.title and option.description[0].isupper() and not option.description.endswith("."), option.name


@pytest.mark.parametrize("name", EVERY)
def test_the_command_of_a_run_makes_its_settings_again(name: str, tmp_path: Path) -> None:
    """Through the text of the command, the parser and what reads its arguments."""
    settings, image = changed(EVERY[name]), tmp_path / "image.tif"
    write_tiff(image, np.eye(20, dtype=np.float32))
    words = shlex.split(as_command_line(settings, Input(str(image))))[1:]
    assert f"--{name.replace('_', '-')}" in words
    assert read_settings(_parser().parse_args([*words, "--quiet"]), image) == settings


@pytest.mark.parametrize("name", EVERY)
def test_the_python_of_a_run_names_the_option(name: str) -> None:
    """Of a series as settings, which are made again; of one plane as an argument, or as the family that it makes."""
    option, settings = EVERY[name], changed(EVERY[name])
    text = as_python(settings, Input(axes="TYX"))
    (call,) = (line for line in text.splitlines() if line.startswith("result = deblur_stack(array, axes='TYX'"))
    names: dict[str, Any] = {"deblur_stack": lambda _, axes, **more: DeblurSettings(**more), "array": None}
    exec(call, names | {"Microscope": Microscope}, names)
    assert names["result"] == settings
    plane = as_python(settings, Input())
    value = (vars(settings.optics) | as_options(settings))[name]
    if option.part == "noise":
        assert f"PoissonGaussianNoise({settings.noise.model().alpha!r}, " in plane and repr(value) in plane
    elif name == "family":
        assert "FieldZernikeFamily(" in plane
    else:
        assert f"{name}={value!r}" in plane


@pytest.mark.parametrize("name", EVERY)
def test_a_preview_has_the_option_of_the_whole(name: str) -> None:
    settings = changed(EVERY[name])
    # Known blurs and classical methods need no files.
    settings = settings.replace(theta=(0.0,) * settings.operator_family(SHAPE).n_parameters)
    if settings.restore.method == "network":
        settings = settings.replace(method="wiener")
    part = plan(settings, SHAPE).of_part((10, 20), (64, 65)).settings
    expected, found = as_options(settings), as_options(part)
    moved = {"origin", "field_shape"} if "origin" in type(settings.blur).model_fields else set()
    assert {key for key in expected if expected[key] != found[key]} <= moved
    assert part.origin == ((10 + settings.origin[0], 20 + settings.origin[1]) if moved else (0, 0))


@pytest.mark.parametrize("name", EVERY)
def test_an_option_is_checked_where_it_is_replaced(name: str) -> None:
    settings = changed(EVERY[name])
    assert DeblurSettings(**as_options(settings)) == settings
    assert DeblurSettings(**as_parts(as_options(settings))) == settings
    if EVERY[name].part != "microscope":
        assert settings.replace(**{name: as_options(settings)[name]}) == settings


def test_the_tables_are_those_of_the_fields() -> None:
    """Make them again with ``python docs/settings_tables.py``."""
    assert stored() == json.loads(json.dumps(made()))
    assert as_markdown(stored()) in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_parts_are_frozen_and_know_only_their_own() -> None:
    models: list[type[BaseModel]] = [model for part in PARTS for model in variants(part)]
    for model in models:
        assert model.model_config["frozen"] and model.model_config["extra"] == "forbid"
