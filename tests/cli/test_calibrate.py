"""`calibrate` on the command line: beads in, table and figure out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_deepblur.io.families import load_family
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.samples.beads import bead_sample_path

FEW = ("--patch-size", "31", "--n-psfs", "3", "--n-maps", "2")


def test_beads_in_table_and_figure_out(run: Callable[..., Any], tmp_path: Path):
    table, figure, family = (tmp_path / name for name in ("beads.csv", "figure.png", "family.safetensors"))
    report = tmp_path / "report.html"
    optics = ("--na", "1.49", "--wavelength-um", "0.525", "--n-immersion", "1.515", "--bead-diameter-um", "0.1")
    outcome = run(
        "calibrate",
        bead_sample_path(),
        "-o",
        family,
        "--table",
        table,
        "--figure",
        figure,
        "--report",
        report,
        *FEW,
        *optics,
    )
    assert outcome.code == 0, outcome.err
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    kept = [row for row in rows if row["kept"] == "1"]
    assert len(kept) >= 8
    assert f"{len(kept):6d}  kept" in outcome.out
    assert "3 eigen-PSFs, 2 maps, 3 planes" in outcome.out
    assert all(row["reason"] for row in rows if row["kept"] == "0")
    found = load_family(family)
    assert isinstance(found, ProductConvolutionFamily)
    assert found.thetas is not None and found.thetas.shape == (3, 3 * 2)
    assert found.eigen_psfs.shape == (3, 31, 31)
    assert found.microscope is not None and found.microscope.na == 1.49
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "Photons: About" in outcome.out and "Photons" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), "one of the two"),
        ((bead_sample_path(),), "Nothing would be written"),
        ((bead_sample_path(), "--table", "t.csv", "--na", "1.4"), "--wavelength-um"),
        ((bead_sample_path(), "--table", "t.csv", "--n-psfs", "few"), "few"),
        ((bead_sample_path(), "--table", "t.csv", "--patch-size", "91"), "usable beads"),
        ((bead_sample_path(), "--table", "absent/t.csv"), "does not exist"),
    ],
)
def test_bad_arguments_are_one_line(
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    words: str,
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("calibrate", *arguments, "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_a_simulated_microscope_is_written(run: Callable[..., Any], tmp_path: Path):
    folder = tmp_path / "demo"
    outcome = run("calibrate", "--demo", folder, "--demo-stacks", "1", "--demo-field", "100", "--quiet")
    assert outcome.code == 0, outcome.err
    assert [path.name for path in folder.iterdir()] == ["beads-01.tif"]
