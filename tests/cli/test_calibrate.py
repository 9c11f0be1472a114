"""`calibrate` on the command line: beads in, table and figure out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.families import load_family
from napari_deepblur.io.images import read_image
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.optics import Microscope
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


def stated(path: Path, pixels: Any = None, axes: str = "ZYX", **facts: Any) -> Path:
    """Write the sample's beads with other facts than it states."""
    said = {"pixel_size_um": (0.065, 0.065), "plane_spacing_um": 0.3, "wavelengths_um": (0.525,), **facts}
    beads = read_image(bead_sample_path()) if pixels is None else pixels
    write_ome_tiff(path, beads, Acquisition(axes=axes, **said), name=path.name)
    return path


@pytest.mark.filterwarnings("always::napari_deepblur.errors.AssumptionWarning")
def test_optics_that_the_files_state_count_and_are_told(run: Callable[..., Any], tmp_path: Path):
    beads = stated(tmp_path / "beads.ome.tif", na=1.49, n_immersion=1.515)
    family = tmp_path / "family.safetensors"
    outcome = run("calibrate", beads, "-o", family, *FEW, "--bead-diameter-um", "0.1")
    assert outcome.code == 0, outcome.err
    assert load_family(family).microscope == Microscope(1.49, 0.525, 0.065, 1.515)
    assert "Numerical aperture 1.49, as beads.ome.tif says." in outcome.err and "warning" not in outcome.err
    # Options count more, and what they overrule is told with both numbers.
    outcome = run(
        "calibrate", beads, "-o", family, *FEW, "--quiet", "--wavelength-um", "0.6", "--pixel-size-um", "0.08"
    )
    assert outcome.code == 0, outcome.err
    assert load_family(family).microscope == Microscope(1.49, 0.6, 0.08, 1.515)
    assert "Emission wavelength 0.6 um counts, as --wavelength-um says, but beads.ome.tif says 0.525" in outcome.err
    assert "Pixel size 0.08 um counts, as --pixel-size-um says, but beads.ome.tif says 0.065" in outcome.err


def test_optics_that_cannot_be_are_not_used_where_nobody_asked_for_them(run: Callable[..., Any], tmp_path: Path):
    beads = stated(tmp_path / "beads.ome.tif", na=1.49, n_immersion=1.33)
    family = tmp_path / "family.safetensors"
    outcome = run("calibrate", beads, "-o", family, *FEW)
    assert outcome.code == 0, outcome.err
    assert load_family(family).microscope is None
    assert "The optics that beads.ome.tif states are not used: NA 1.49 is larger than" in outcome.err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--patch-size", "0"), "patch_size is 0"),
        (("--bead-diameter-um", "0", "--na", "1.4", "--wavelength-um", "0.525"), "bead_diameter_um is 0"),
        (("--bead-diameter-um", "0.1", "--wavelength-um", "0.525"), "beads.tif does not say what --na would"),
        (("--figure", "f.jpg"), "f.jpg would be a PNG picture by the name of another format"),
        (("--report", "r.tif"), "r.tif would be an HTML page"),
        (("--table", "t.xlsx"), "t.xlsx would be a table"),
        (("--demo-stacks", "3"), "Only a simulated microscope has --demo-stacks"),
        (("--pupil", "--n-psfs", "3"), "--n-psfs is not for a pupil"),
        (("--pupil", "--n-maps", "3", "--demo-field", "200"), "--n-maps and --demo-field are not for a pupil"),
        (("--modes", "5-8"), "--modes is for a pupil"),
    ],
)
def test_no_option_is_passed_over(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("calibrate", bead_sample_path(), "-o", "f.safetensors", "--quiet", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_fewer_maps_than_asked_for_are_told(run: Callable[..., Any], tmp_path: Path):
    options = ("--patch-size", "31", "--n-psfs", "1", "--n-maps", "40")
    outcome = run("calibrate", bead_sample_path(), "--table", tmp_path / "t.csv", *options)
    assert outcome.code == 0 and "3 maps (of 40 asked for: the beads show no more)" in outcome.out


def test_files_and_folders_are_called_by_their_names(run: Callable[..., Any], tmp_path: Path):
    series = stated(tmp_path / "series.ome.tif", np.zeros((2, 3, 96, 96), np.uint16), "TZYX")
    code, _, err = run("calibrate", bead_sample_path(), series, "-o", tmp_path / "f.safetensors", *FEW)
    assert code == 2 and "series.ome.tif has 4 axes" in err
    for more in ((), ("--pupil", "--na", "1.4", "--wavelength-um", "0.5")):
        code, _, err = run("calibrate", tmp_path, "-o", tmp_path / "f.safetensors", *more)
        assert code == 2 and "is a folder, and none of OME-Zarr" in err


def test_a_demonstration_never_replaces_beads_of_somebody(run: Callable[..., Any], tmp_path: Path):
    own = stated(tmp_path / "beads-01.tif")
    before = own.read_bytes()
    demo = ("--demo-stacks", "1", "--demo-field", "100", "--quiet")
    code, _, err = run("calibrate", "--demo", tmp_path, *demo)
    assert code == 2 and "beads-01.tif is there already, with other beads" in err
    assert own.read_bytes() == before
    for words, more in (("optics of its own. Leave out --na", ("--na", "1.2")), ("photons", ("--demo-photons", "nan"))):
        code, _, err = run("calibrate", "--demo", tmp_path / "new", *demo, *more)
        assert code == 2 and words in err
    # Its own files of the same numbers are no others, and a family may lie beside them.
    for _ in range(2):
        outcome = run("calibrate", "--demo", tmp_path / "new", *demo)
        assert outcome.code == 0, outcome.err


PUPIL = ("--pupil", "--na", "1.49", "--wavelength-um", "0.525", "--n-immersion", "1.515", "--modes", "5-6")


@pytest.mark.parametrize(
    "axes, facts, words",
    [
        ("CYX", {}, "3 channels or colours"),
        ("ZYX", {"pixel_size_um": (0.13, 0.065)}, "pixels are not square"),
        ("ZYX", {"plane_spacing_um": None}, "does not say how far its planes are apart"),
        ("ZYX", {"pixel_size_um": None}, "does not say its pixel size"),
    ],
)
def test_a_stack_that_has_no_one_pupil_is_refused(
    run: Callable[..., Any], tmp_path: Path, axes: str, facts: dict[str, Any], words: str
):
    beads = stated(tmp_path / "beads.ome.tif", axes=axes, wavelengths_um=(), **facts)
    code, _, err = run("calibrate", beads, *PUPIL, "-o", tmp_path / "p.safetensors", "--quiet")
    assert (code, err.count("\n")) == (2, 1), err
    assert words in err


@pytest.mark.filterwarnings("always::napari_deepblur.errors.AssumptionWarning")
def test_a_pupil_says_where_its_numbers_overrule_the_file(run: Callable[..., Any], tmp_path: Path):
    beads = stated(tmp_path / "beads.ome.tif")
    numbers = ("--plane-spacing-um", "500", "--pixel-size-um", "0.08")
    code, _, err = run("calibrate", beads, *PUPIL, *numbers, "-o", tmp_path / "p.safetensors")
    assert code == 2
    assert "Plane spacing 500 um counts, as was asked for, but beads.ome.tif says 0.3" in err
    assert "Pixel size 0.08 um counts, as --pixel-size-um says, but beads.ome.tif says 0.065" in err
    assert "expected at most 20" in err and "Is it in nanometres" in err
