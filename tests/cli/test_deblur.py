"""`deblur` on the command line: the pixels of Python's `deblur`, with the settings that were asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_deepblur import Microscope, PoissonGaussianNoise, ZernikeFamily, deblur
from napari_deepblur.io.images import read_image, read_pixel_size_um
from napari_deepblur.io.ome_tiff import read_ome_tiff

THETA = (0.1, -0.05, 0.02, 0.05, 0.0, -0.02, 0.03, 0.01)
OPTICS = Microscope(na=1.3, pixel_size_um=0.09)


def test_pixels_are_those_of_python(run: Callable[..., Any], cells: Path, tmp_path: Path):
    output, psfs = tmp_path / "out.tif", tmp_path / "psfs.tif"
    options = ("--na", "1.3", "--modes", "4-10", "--psf-size", "31", "--device", "cpu")
    outcome = run("deblur", cells, "-o", output, "--psfs", psfs, *options)
    assert outcome.code == 0, outcome.err
    expected = deblur(read_image(cells), ZernikeFamily(OPTICS, tuple(range(4, 11))), device="cpu")
    assert expected.identification is not None
    np.testing.assert_array_equal(read_image(output), expected.image)
    np.testing.assert_array_equal(read_image(psfs), expected.identification.psf)
    assert read_pixel_size_um(output) == pytest.approx(0.09)
    kept = read_ome_tiff(output).record
    assert kept is not None
    assert kept["metadata"]["settings"]["blur"]["modes"] == [4, 5, 6, 7, 8, 9, 10]
    assert kept["metadata"]["settings"]["microscope"]["na"] == 1.3
    assert outcome.out == ""
    assert outcome.err.startswith("Pixel size 0.09 um, as cells.tif says.\n")
    assert "\r" not in outcome.err


def test_known_coefficients_noise_and_tiles(run: Callable[..., Any], cells: Path, tmp_path: Path):
    output, psfs = tmp_path / "out.tif", tmp_path / "psfs.tif"
    optics = ("--na", "1.3", "--psf-size", "31", "--theta", *THETA)
    noisy = ("--alpha", "1", "--beta", "2", "--noise-offset", "90")
    options = (*optics, *noisy, "--tile", "none")
    outcome = run("deblur", cells, "-o", output, "--psfs", psfs, "--device", "cpu", "--quiet", *options)
    assert outcome == (0, "", "")
    family = ZernikeFamily(OPTICS)
    noise = PoissonGaussianNoise(1, 2, 90)
    expected = deblur(read_image(cells), family, theta=THETA, noise=noise, device="cpu", tile=None)
    np.testing.assert_array_equal(read_image(output), expected.image)
    np.testing.assert_allclose(read_image(psfs), family.psf(THETA), atol=1e-7)


def test_saved_settings_repeat_the_run_and_options_change_them(run: Callable[..., Any], cells: Path, tmp_path: Path):
    first, again, other = (tmp_path / name for name in ("first.tif", "again.tif", "other.tif"))
    saved, changed = tmp_path / "settings.json", tmp_path / "changed.json"
    quiet = ("--quiet", "--device", "cpu")
    assert (
        run("deblur", cells, "-o", first, "--na", "1.3", "--theta", *THETA, "--save-settings", saved, *quiet).code == 0
    )
    # The pixel size came from the file, and is kept with the settings.
    assert json.loads(saved.read_text())["microscope"]["pixel_size_um"] == pytest.approx(0.09)
    assert run("deblur", cells, "-o", again, "--settings", saved, "--quiet").code == 0
    np.testing.assert_array_equal(read_image(again), read_image(first))
    options = ("--settings", saved, "--na", "1.1", "--save-settings", changed, "--quiet")
    assert run("deblur", cells, "-o", other, *options).code == 0
    before, after = (json.loads(path.read_text()) for path in (saved, changed))
    assert before["microscope"].pop("na") == 1.3
    assert after["microscope"].pop("na") == 1.1
    assert before == after
    assert not np.array_equal(read_image(other), read_image(first))


def test_classical_methods(run: Callable[..., Any], cells: Path, tmp_path: Path):
    output = tmp_path / "out.tif"
    optics = ("--na", "1.3", "--psf-size", "31", "--theta", *THETA)
    options = ("--method", "richardson-lucy", "--iterations", "7", "--quiet", "--device", "cpu")
    assert run("deblur", cells, "-o", output, *optics, *options) == (0, "", "")
    expected = deblur(
        read_image(cells), ZernikeFamily(OPTICS), theta=THETA, method="richardson-lucy", iterations=7, device="cpu"
    )
    np.testing.assert_array_equal(read_image(output), expected.image)


def test_png_has_no_pixel_size(run: Callable[..., Any], cells: Path, tmp_path: Path):
    source, output, saved = tmp_path / "cells.png", tmp_path / "out.tif", tmp_path / "settings.json"
    plane = read_image(cells).astype(float)
    Image.fromarray((255 * plane / plane.max()).astype(np.uint8)).save(source)
    options = ("--na", "1.1", "--theta", *THETA, "--save-settings", saved, "--quiet")
    assert run("deblur", source, "-o", output, *options) == (0, "", "")
    assert json.loads(saved.read_text())["microscope"]["pixel_size_um"] == 0.1
    assert read_image(output).shape == plane.shape
    assert read_image(output).dtype == np.float32


def test_a_result_is_packed_as_asked(run: Callable[..., Any], cells: Path, tmp_path: Path):
    known = ("--theta", *[0.05] * 8, "--method", "wiener", "--device", "cpu")
    for compression in ("zlib", "none"):
        out = tmp_path / f"{compression}.tif"
        outcome = run("deblur", cells, "-o", out, "--compression", compression, *known)
        assert outcome.code == 0, outcome.err
    np.testing.assert_array_equal(read_image(tmp_path / "zlib.tif"), read_image(tmp_path / "none.tif"))
    assert (tmp_path / "none.tif").stat().st_size > read_image(tmp_path / "none.tif").nbytes
    outcome = run("deblur", cells, "-o", tmp_path / "a.tif", "--compression", "jpeg", *known)
    assert outcome.code == 2 and "--compression" in outcome.err
