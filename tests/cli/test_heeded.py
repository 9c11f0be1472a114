"""What the command line states is heeded, refused or told, and never passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepblur.io.families import save_family
from napari_deepblur.io.images import write_tiff
from napari_deepblur.operators import EigenPsfFamily
from napari_deepblur.optics import Microscope


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Write a family of two measured PSFs, with NA 1.3 and pixels as the image has."""
    rows, columns = np.mgrid[-5:6, -5:6]
    psfs = np.stack([np.exp(-(rows**2 + columns**2) / (2 * width**2)) for width in (1.2, 2.0)])
    path = tmp_path / "own.safetensors"
    measured = EigenPsfFamily(psfs / psfs.sum((1, 2), keepdims=True), np.eye(2), Microscope(1.3, 0.54, 0.09, 1.515))
    save_family(measured, path)
    return path


@pytest.mark.parametrize(
    "options, words",
    [
        (
            ("--family", "own.safetensors", "--modes", "4-6"),
            "for the family zernike or field-zernike, and own",
        ),
        (("--family", "own.safetensors", "--max-amplitude", "0.2"), "--max-amplitude is for the family zernike"),
        (("--degree", "2"), "--degree is for the family field-zernike, and zernike does not have it"),
        (("--origin", "1", "1"), "--origin is for the family field-zernike or one in a file, and zernike"),
        (("--noise-offset", "100"), "--noise-offset is of noise that is known: give --alpha and --beta"),
    ],
)
@pytest.mark.usefixtures("family")
def test_an_option_that_the_chosen_blur_or_noise_does_not_have_is_refused(
    run: Callable[..., Any],
    cells: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    words: str,
):
    monkeypatch.chdir(tmp_path)
    for verb in (("identify", cells), ("deblur", cells, "-o", "out.tif")):
        code, out, err = run(*verb, *options, "--quiet")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words in err
    assert not Path("out.tif").exists()


@pytest.mark.filterwarnings("always::napari_deepblur.errors.AssumptionWarning")
def test_optics_of_a_measured_family_that_options_contradict_are_told(
    run: Callable[..., Any], cells: Path, family: Path
):
    options = ("--family", family, "--theta", "1", "0", "--method", "wiener", "--quiet")
    words = "were measured with numerical aperture 1.3, which counts for them, but --na says 1.2"
    for na, told in (("1.2", True), ("1.3", False)):
        outcome = run("deblur", cells, "-o", family.with_name(f"{na}.tif"), *options, "--na", na)
        assert outcome.code == 0, outcome.err
        assert (words in outcome.err) == told


def test_optics_that_were_only_assumed_are_named_where_they_cannot_be(run: Callable[..., Any], tmp_path: Path):
    image = tmp_path / "coarse.tif"
    write_tiff(image, np.ones((64, 64), np.float32), pixel_size_um=0.3)
    code, _, err = run("identify", image, "--quiet")
    assert code == 2 and "cut-off" in err
    assert "Neither coarse.tif nor an option says numerical aperture 1.41, emission wavelength 0.54" in err
    assert "give --na, --wavelength-um, --n-immersion" in err
    stated = ("--na", "1.4", "--wavelength-um", "0.5", "--n-immersion", "1.5")
    code, _, err = run("identify", image, "--quiet", *stated)
    assert code == 2 and "cut-off" in err and "assumed" not in err
