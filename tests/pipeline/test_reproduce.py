"""The command and the Python of a run give its pixels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepblur.cli import main
from napari_deepblur.errors import SettingsError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.images import read_image, write_tiff
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.io.weights import FOLDER_VARIABLE
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.reproduce import Input, as_command_line, as_python
from napari_deepblur.pipeline.series import Luminance, write_frame
from tests.pipeline.series.frames_of import frames_of

OPTICS = Microscope(na=1.3, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.515)
QUICK: dict[str, Any] = {"microscope": OPTICS, "device": "cpu", "theta": (0.05,) * 8}

PLANES: dict[str, dict[str, Any]] = {
    "blind": {"microscope": OPTICS, "device": "cpu"},
    "known": QUICK | {"noise": (0.5, 2.0), "noise_offset": 10.0, "tile": None},
    "classical": QUICK | {"method": "richardson-lucy", "iterations": 5, "strength": 0.01, "psf_size": 41},
    "fewer modes": QUICK | {"modes": (4, 7, 8), "theta": (0.1, 0.0, -0.02), "max_amplitude": 0.2, "method": "wiener"},
    "varying": QUICK | {"family": "field-zernike", "degree": 0, "origin": (3, 4), "method": "wiener"},
    "measured": {"family": "psf", "microscope": OPTICS, "device": "cpu", "method": "wiener"},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose name has to be quoted, with images and the picture of a PSF."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    write_tiff(tmp_path / "my plane.tif", rng.poisson(rng.gamma(0.5, 100, (80, 84))).astype(np.uint16))
    stack = rng.poisson(rng.gamma(0.5, 100, (2, 2, 64, 66))).astype(np.uint16)
    write_ome_tiff(tmp_path / "stack.tif", stack, Acquisition(axes="TCYX"))
    colours = rng.integers(0, 255, (70, 64, 3)).astype(np.uint8)
    write_ome_tiff(tmp_path / "colours.tif", colours, Acquisition(axes="YXS"))
    y, x = np.mgrid[-6:7, -6:7]
    write_tiff(tmp_path / "psf.tif", np.exp(-(y**2 + x**2) / 4.0), pixel_size_um=0.09)
    return tmp_path


def pixels_of_the_command(settings: DeblurSettings, image: Input) -> np.ndarray:
    words = shlex.split(as_command_line(settings, image, "out.tif"))
    assert words[0] == "napari-deepblur"
    assert main([*words[1:], "--quiet"]) == 0
    return read_image("out.tif")


def pixels_of_the_python(settings: DeblurSettings, image: Input) -> np.ndarray:
    names: dict[str, Any] = {}
    exec(compile(as_python(settings, image), "copied", "exec"), names)
    return np.asarray(names["restored"])


@pytest.mark.parametrize("name", PLANES)
def test_a_plane(folder: Path, name: str) -> None:
    values = PLANES[name]
    if values.get("family") == "psf":
        values = values | {"family": str(folder / "psf.tif")}
    settings, image = DeblurSettings(**values), Input("my plane.tif")
    (frame,) = frames_of(read_image(folder / image.file), "YX", settings)
    np.testing.assert_array_equal(pixels_of_the_command(settings, image), frame.image)
    np.testing.assert_array_equal(pixels_of_the_python(settings, image), frame.image)


@pytest.mark.parametrize("once", [False, True])
def test_a_series_with_channels(
    folder: Path, short_fit: None, untrained_weights: Path, monkeypatch: pytest.MonkeyPatch, once: bool
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(untrained_weights))
    settings = DeblurSettings(**QUICK | {"theta": None, "channel_wavelengths_um": (0.55, 0.6), "method": "wiener"})
    image = Input("stack.tif", "TCYX", once)
    array = read_image(folder / "stack.tif")
    expected = np.zeros(array.shape, np.float32)
    for frame in frames_of(array, "TCYX", settings, "first" if once else "each"):
        write_frame(expected, "TCYX", frame.index, frame.image)
    np.testing.assert_array_equal(pixels_of_the_command(settings, image), expected)
    np.testing.assert_array_equal(pixels_of_the_python(settings, image), expected)


def test_colours_and_their_luminance(folder: Path) -> None:
    settings = DeblurSettings(**QUICK | {"method": "wiener"})
    array = read_image(folder / "colours.tif")
    expected = np.zeros_like(array)
    for frame in frames_of(array, "YXS", settings):
        write_frame(expected, "YXS", frame.index, frame.image)
    image = Input("colours.tif", "YXS")
    np.testing.assert_array_equal(pixels_of_the_command(settings, image), expected)
    np.testing.assert_array_equal(pixels_of_the_python(settings, image), expected)
    (gray,) = frames_of(Luminance(array), "YX", settings)
    image = Input("colours.tif", "YX", luminance=True)
    np.testing.assert_array_equal(pixels_of_the_command(settings, image), gray.image)
    np.testing.assert_array_equal(pixels_of_the_python(settings, image), gray.image)


def test_only_what_was_changed_is_named() -> None:
    settings = DeblurSettings(microscope=OPTICS)
    optics = "--na 1.3 --wavelength-um 0.55 --pixel-size-um 0.09 --n-immersion 1.515"
    assert as_command_line(settings, Input("a b.tif")) == f"napari-deepblur deblur 'a b.tif' -o deblurred.tif {optics}"
    assert "modes" not in as_python(settings, Input()) and "noise" not in as_python(settings, Input())


def test_a_family_in_memory_has_no_command() -> None:
    settings = DeblurSettings(microscope=OPTICS, family="in memory")
    for write in (as_command_line, as_python):
        with pytest.raises(SettingsError, match="save_family"):
            write(settings, Input())
