"""A stack as one volume: by Python, into a file, and on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur import VolumeDeblurring, deblur_stack
from napari_deepblur.cli import main
from napari_deepblur.errors import SettingsError
from napari_deepblur.io.ome_tiff import read_ome_tiff
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import VolumeOperator, ZernikeFamily
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model
from napari_deepblur.pipeline.series import history_of

OPTICS = Microscope(1.2, 0.525, 0.1, 1.33)
MODES, THETA = (5, 6, 7), (0.08, -0.05, 0.06)
FAMILY = ZernikeFamily(OPTICS, MODES, psf_size=31)
SPACING_UM = 0.3
NOISE = PoissonGaussianNoise(1.0, 2.0, 100.0)
KNOWN: dict[str, Any] = {"method": "richardson-lucy", "iterations": 12, "device": "cpu"}


@pytest.fixture(scope="module")
def scene() -> NDArray[np.bool_]:
    return np.random.default_rng(1).uniform(size=(5, 88, 84)) > 0.99


@pytest.fixture(scope="module")
def stack(scene: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Points in five planes, each seen in all of them."""
    model = psf_planes_model(OPTICS.pupil, MODES, 41, SPACING_UM / 0.1, 4)
    operator = VolumeOperator(psf_planes(torch.tensor(THETA), model), (5, 48, 44), (0, 20, 20))
    light = 4000 * operator.forward(torch.from_numpy(scene.astype(np.float32))).clamp_min(0).numpy()
    return np.clip(NOISE.sample(light + 100, 2).round(), 0, 65535).astype(np.uint16)


def test_a_volume_comes_back_better_with_its_pupil_than_with_the_ideal_one(
    stack: NDArray[np.uint16], scene: NDArray[np.bool_], tmp_path: Path
) -> None:
    out = tmp_path / "out.ome.tif"
    true, ideal = (
        deblur_stack(stack, FAMILY, volume=True, plane_spacing_um=SPACING_UM, theta=theta, out=file, **KNOWN)
        for theta, file in ((THETA, str(out)), ((0.0, 0.0, 0.0), None))
    )
    assert isinstance(true, VolumeDeblurring) and true.volume.shape == stack.shape
    truth = gaussian_filter(scene.astype(float), (0, 0.7, 0.7))[:, 20:-20, 20:-20].ravel()
    better, worse = (np.corrcoef(found.volume.ravel(), truth)[0, 1] for found in (true, ideal))
    assert better > 0.6 and better > worse + 0.02
    read = read_ome_tiff(out)
    np.testing.assert_array_equal(read.data, true.volume)
    assert true.settings["resolved"]["pupil"] == "known" and "pupil" not in true.settings
    assert json.loads(json.dumps(true.settings)) == true.settings


def test_the_pupil_is_found_in_the_stack(stack: NDArray[np.uint16]) -> None:
    found = deblur_stack(stack, FAMILY, volume=True, plane_spacing_um=SPACING_UM, noise=NOISE, **KNOWN)
    assert found.theta is not None
    assert np.abs(found.theta - THETA).max() < 0.03, found.theta
    assert found.settings["resolved"]["pupil"] == "identified"
    assert found.settings["pupil"]["theta"] == pytest.approx(found.theta.tolist())


def test_what_is_no_single_stack_is_refused(stack: NDArray[np.uint16]) -> None:
    with pytest.raises(SettingsError, match="The distance of the planes is missing"):
        deblur_stack(stack, FAMILY, axes="ZYX", volume=True, **KNOWN)
    with pytest.raises(SettingsError, match="are TYX, expected Z, Y and X"):
        deblur_stack(stack, FAMILY, axes="TYX", volume=True, **KNOWN)
    with pytest.raises(SettingsError, match="A volume has no colours"):
        deblur_stack(stack, FAMILY, volume=True, plane_spacing_um=0.3, colours="luminance", **KNOWN)  # type: ignore[call-overload]


def test_each_time_and_channel_is_a_volume_of_its_own(stack: NDArray[np.uint16], tmp_path: Path) -> None:
    """In the order of the file, T Z C Y X; a stack without light is passed through, and named."""
    dark = np.full_like(stack, 7)
    series = np.stack([np.stack([stack, stack[:, ::-1]], 1), np.stack([stack[..., ::-1], dark], 1)])
    known: dict[str, Any] = {"plane_spacing_um": SPACING_UM, "noise": NOISE, "theta": THETA, **KNOWN}
    out = tmp_path / "out.ome.tif"
    found = deblur_stack(series, FAMILY, volume=True, axes="TZCYX", out=out, **known)
    assert found.volume.shape == series.shape and found.psf.shape[:2] == (2, 2)
    read = read_ome_tiff(out)
    one = deblur_stack(stack[..., ::-1], FAMILY, volume=True, **known)
    np.testing.assert_array_equal(read.data[1, :, 0], one.volume)
    np.testing.assert_array_equal(read.data[1, :, 1], dark)
    np.testing.assert_array_equal(found.psf[1, 0], one.psf)
    assert (
        found.theta is not None
        and np.isnan(found.theta[1, 1]).all()
        and found.theta[0, 1].tolist() == pytest.approx(THETA)
    )
    assert any(note.startswith("time 1, channel 1 was passed through") for note in found.notes), found.notes
    assert [entry["index"] for entry in found.settings["frames"]] == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_channels_have_their_own_wavelengths(stack: NDArray[np.uint16]) -> None:
    known: dict[str, Any] = {"plane_spacing_um": SPACING_UM, "theta": THETA, "modes": MODES, "noise": NOISE, **KNOWN}
    wavelengths = {"microscope": OPTICS, "channel_wavelengths_um": (0.525, 0.65)}
    both = deblur_stack(np.stack([stack, stack]), volume=True, axes="CZYX", **wavelengths, **known)
    red = deblur_stack(stack, volume=True, microscope=replace(OPTICS, wavelength_um=0.65), **known)
    np.testing.assert_array_equal(both.volume[1], red.volume)
    assert not np.array_equal(both.volume[0], red.volume)


def test_the_pupil_of_the_first_time_can_serve_for_all(
    stack: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is identified does not matter here.
    for number in ("_STARTS", "_KEPT"):
        monkeypatch.setattr(f"napari_deepblur.identification.volumes.search.{number}", {"thin": 2, "thick": 1})
    series = np.stack([stack, stack])
    found = deblur_stack(
        series, FAMILY, volume=True, axes="TZYX", plane_spacing_um=SPACING_UM, noise=NOISE, reuse="first", **KNOWN
    )
    assert [entry["identified"] for entry in found.settings["frames"]] == [True, False]
    assert found.theta is not None and found.theta[0].tolist() == found.theta[1].tolist()
    history = history_of(found.settings)
    assert history.frames == ("time 0",) and history.theta[0].tolist() == pytest.approx(found.theta[0].tolist())


def test_the_command_line_deblurs_a_volume_with_the_spacing_of_its_file(
    stack: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, psfs = tmp_path / "stack.tif", tmp_path / "out.tif", tmp_path / "psfs.tif"
    tifffile.imwrite(
        source, stack, imagej=True, resolution=(10, 10), metadata={"axes": "ZYX", "unit": "um", "spacing": SPACING_UM}
    )
    words = ["deblur", str(source), "-o", str(out), "--psfs", str(psfs), "--volume", "--quiet", "--na", "1.2"]
    words += ["--n-immersion", "1.33", "--wavelength-um", "0.525", "--modes", "5,6,7", "--theta", *map(str, THETA)]
    words += ["--method", "richardson-lucy", "--iterations", "5"]
    assert main(words) in (None, 0)
    assert tifffile.imread(out).shape == stack.shape
    assert tifffile.imread(psfs).ndim == 3
    assert main([*words, "--plane-spacing-um", "0"]) == 2
    assert main([*words, "--luminance"]) == 2
    assert "--luminance are for planes that are deblurred one by one" in capsys.readouterr().err
