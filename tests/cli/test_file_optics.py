"""What the command line says about optics: what the file states, and what nobody does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_deepblur.cli.file_optics import say_assumed
from napari_deepblur.optics import Microscope


def test_assumed_values_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    say_assumed(Microscope(pixel_size_um=0.09), {"pixel_size_um", "na"}, Path("cells.tif"))
    said = capsys.readouterr().err
    assert said.startswith("Assumed, as neither cells.tif nor an option says: refractive index of the immersion 1.51, ")
    assert "emission wavelength 0.54 um" in said and "aperture" not in said and "ixel" not in said


def test_nothing_is_assumed_where_all_is_known(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    said = run("identify", cells)
    assert said.code == 0 and "Assumed, as neither cells.tif nor an option says: numerical aperture 1.41" in said.err
    known = run("identify", cells, "--na", 1.3, "--n-immersion", 1.5, "--wavelength-um", 0.52)
    assert known.code == 0 and "Assumed" not in known.err
    assert "Assumed" not in run("identify", cells, "--quiet").err
