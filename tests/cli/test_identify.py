"""`identify` on the command line: JSON on standard output, PSFs in a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepblur import Microscope, ZernikeFamily, identify, identify_stack
from napari_deepblur.io.images import read_image, write_tiff


def test_prints_json_with_what_python_says(run: Callable[..., Any], cells: Path, tmp_path: Path):
    psfs = tmp_path / "psfs.tif"
    options = ("--modes", "4,6,7", "--na", "1.3", "--psf-size", "31", "--device", "cpu")
    outcome = run("identify", cells, "--psfs", psfs, *options)
    assert outcome.code == 0, outcome.err
    printed = json.loads(outcome.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    expected = identify(
        read_image(cells), ZernikeFamily(Microscope(na=1.3, pixel_size_um=0.09), (4, 6, 7)), device="cpu"
    )
    assert printed["modes"] == [4, 6, 7]
    assert printed["parameter_names"] == list(expected.parameter_names)
    assert printed["even_modes"] == [True, True, False]
    assert "not identifiable" in printed["sign"]
    np.testing.assert_allclose(printed["theta"], expected.theta, atol=1e-5)
    np.testing.assert_allclose(printed["theta_std"], expected.theta_std, atol=1e-5)
    assert printed["noise"]["alpha"] == pytest.approx(expected.noise.alpha)
    assert printed["microscope"]["na"] == 1.3
    assert printed["microscope"]["pixel_size_um"] == pytest.approx(0.09)
    assert printed["psf_size"] == expected.psf.shape[0]
    np.testing.assert_array_equal(read_image(psfs), expected.psf)


def test_a_stack_says_each_plane_with_its_sign(run: Callable[..., Any], cells: Path, tmp_path: Path):
    plane = read_image(cells)
    stack, psfs = tmp_path / "stack.tif", tmp_path / "psfs.tif"
    write_tiff(stack, np.stack([plane, plane[::-1]]), pixel_size_um=0.09, axes="ZYX")
    options = ("--quiet", "--na", "1.3", "--psf-size", "31", "--device", "cpu")
    outcome = run("identify", stack, "--plane-spacing-um", "-0.3", "--psfs", psfs, *options)
    assert outcome.code == 0, outcome.err
    printed = json.loads(outcome.out)
    expected = identify_stack(
        read_image(stack), ZernikeFamily(Microscope(na=1.3, pixel_size_um=0.09)), -0.3, device="cpu"
    )
    assert [plane["offset_um"] for plane in printed["planes"]] == [0, pytest.approx(-0.3)]
    np.testing.assert_allclose([plane["theta"] for plane in printed["planes"]], expected.theta, atol=1e-5)
    assert printed["sign_probability"] == pytest.approx(expected.sign_probability, abs=1e-4)
    assert "thin" in printed["sign"]
    np.testing.assert_array_equal(read_image(psfs), np.concatenate([one.psfs for one in expected.planes]))


def test_a_spacing_needs_a_stack(run: Callable[..., Any], cells: Path):
    outcome = run("identify", cells, "--plane-spacing-um", "0.3")
    assert outcome.code != 0
    assert "at least two planes" in outcome.err and "Traceback" not in outcome.err


def test_quiet_prints_json_only(run: Callable[..., Any], cells: Path):
    outcome = run("identify", cells, "--quiet", "--alpha", "1", "--beta", "3", "--na", "1.3")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["noise"] == {"alpha": 1.0, "beta": 3.0, "offset": 0.0}


def test_a_reader_that_has_seen_enough_is_no_error(cells: Path):
    code = "import sys; from napari_deepblur.cli import main; sys.exit(main(sys.argv[1:]))"
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", code, "identify", str(cells), "--quiet"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.returncode == 141, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
