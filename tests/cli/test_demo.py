"""The demo end to end, and the sample that it deblurs."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import napari_deepblur.samples
from napari_deepblur.checked_image import check_image
from napari_deepblur.cli import demo
from napari_deepblur.cli.demo import OUTPUTS
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.images import read_image, read_pixel_size_um, write_tiff
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.pipeline import Deblurring, load_settings
from napari_deepblur.samples import sample_microscope, sample_path


def test_sample_fits_what_is_said_about_it():
    image, microscope = read_image(sample_path()), sample_microscope()
    assert check_image(image, smallest=127).shape == (256, 256)
    assert sample_path().stat().st_size < 1_000_000
    assert read_pixel_size_um(sample_path()) == pytest.approx(microscope.pixel_size_um)
    # Not under-sampled, and as fine as the README beside it says.
    assert 0.2 < microscope.cutoff < 0.25
    assert (sample_path().parent / "README.md").read_text(encoding="utf-8").count("CC0") == 1


@pytest.fixture
def small_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "small.tif"
    write_tiff(path, read_image(sample_path())[100:180, 60:140], pixel_size_um=0.2)
    monkeypatch.setattr(napari_deepblur.samples, "sample_path", lambda: path)
    return path


def test_a_result_that_no_demo_wrote_is_not_replaced(run: Callable[..., Any], tmp_path: Path):
    own = tmp_path / "result.tif"
    own.write_bytes(b"mine")
    code, _, err = run("demo", "--output", tmp_path, "--no-viewer", "--device", "cpu")
    assert (code, err.count("\n")) == (2, 1)
    assert "has result.tif already" in err and own.read_bytes() == b"mine"
    code, _, err = run("demo", "--output", own, "--no-viewer")
    assert code == 2 and "is a file, expected a folder" in err


def test_writes_everything(run: Callable[..., Any], small_sample: Path, tmp_path: Path):
    folder = tmp_path / "new" / "demo_output"
    outcome = run("demo", "--output", folder, "--no-viewer", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines() == [str(folder / name) for name in OUTPUTS]
    assert sorted(path.name for path in folder.iterdir()) == sorted(OUTPUTS)
    restored = read_image(folder / "result.tif")
    assert restored.shape == (80, 80)
    assert not np.array_equal(restored, read_image(small_sample))
    assert read_pixel_size_um(folder / "result.tif") == pytest.approx(0.2)
    assert read_image(folder / "psfs.tif").sum() == pytest.approx(1, abs=1e-3)
    assert load_settings(folder / "settings.json").microscope == sample_microscope()
    resolved = json.loads((folder / "run.json").read_text())["resolved"]
    assert len(resolved["theta"]) == 8
    with Image.open(folder / "figure.png") as figure:
        assert figure.format == "PNG"
        assert min(figure.size) > 800


def test_folder_that_cannot_be_made(run: Callable[..., Any], tmp_path: Path):
    (tmp_path / "file").touch()
    code, out, err = run("demo", "--output", tmp_path / "file" / "demo", "--no-viewer")
    assert (code, out, err.count("\n")) == (2, "", 1)


class _Viewer:
    """As much of napari's viewer as the demo uses."""

    opened: list[_Viewer]

    def __init__(self, title: str) -> None:
        self.title = title
        self.layers: dict[str, dict[str, Any]] = {}
        self.scale_bar = types.SimpleNamespace(visible=False)
        self.opened.append(self)

    def add_image(self, data: np.ndarray, name: str, **rest: Any) -> None:
        self.layers[name] = {"data": data, **rest}

    def reset_view(self) -> None:
        pass


@pytest.fixture
def napari(monkeypatch: pytest.MonkeyPatch) -> list[_Viewer]:
    """Stand in for napari, so that no window opens; return the viewers that were made."""
    _Viewer.opened = []
    module = types.SimpleNamespace(Viewer=_Viewer, run=lambda: None)
    monkeypatch.setitem(sys.modules, "napari", module)
    monkeypatch.setattr(demo, "find_spec", lambda _: module)
    monkeypatch.setenv("DISPLAY", ":0")
    return _Viewer.opened


@pytest.fixture
def deblurring() -> Deblurring:
    theta = np.zeros(1, np.float32)
    psf = np.full((1, 31, 31), 1 / 961, np.float32)
    point = np.zeros((1, 2), np.float32)
    noise = PoissonGaussianNoise(0, 1)
    found = Identification(theta, theta, psf, np.zeros(1), point, noise, ("defocus",), np.array([True]))
    return Deblurring(np.ones((80, 90), np.float32), found, {})


def test_viewer_shows_layers_in_micrometres(deblurring: Deblurring, napari: list[_Viewer]):
    demo.show(np.ones((80, 90), np.uint8), deblurring, sample_microscope())
    (viewer,) = napari
    assert list(viewer.layers) == ["sample", "deblurred", "estimated PSF"]
    for layer in viewer.layers.values():
        assert layer["scale"] == (0.2, 0.2)
        assert layer["units"] == ("um", "um")
    # The PSF lies beside the field, not over it.
    assert viewer.layers["estimated PSF"]["translate"][1] > 90 * 0.2
    assert viewer.scale_bar.visible


def test_viewer_stays_closed_without_display_or_napari(
    deblurring: Deblurring,
    napari: list[_Viewer],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    image = np.ones((80, 90), np.uint8)
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    demo.show(image, deblurring, sample_microscope())
    assert "napari-deepblur[all]" in capsys.readouterr().err
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    demo.show(image, deblurring, sample_microscope())
    assert "no display" in capsys.readouterr().err
    assert napari == []
