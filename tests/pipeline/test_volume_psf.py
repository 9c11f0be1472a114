"""Known PSFs of volumes: a pupil or a measured stack from a file, at the sampling of the stack, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur import deblur_stack, load_family, load_pupil, save_pupil
from napari_deepblur.errors import FamilyError, FamilyFileError, SettingsError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.psf_stacks import load_psf_stack
from napari_deepblur.operators import EigenPsfFamily, VolumeOperator
from napari_deepblur.optics import KnownPupil, Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.volume_plan import plan_volume

OPTICS = Microscope(0.8, 0.5, 0.1, 1.0)
PUPIL = KnownPupil(OPTICS, (7, 11), (0.05, 0.12), ((4, -0.1),))
SYMMETRIC = KnownPupil(OPTICS, (6, 11), (0.05, 0.12))
SPACING_UM, SHAPE = 0.4, (5, 40, 44)


@pytest.fixture(scope="module")
def stack() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    operator = VolumeOperator(PUPIL.planes(31, SPACING_UM, 6), SHAPE, (2, 15, 15))
    scene = (rng.uniform(size=operator.scene_shape) > 0.998).astype(np.float32)
    clean = 5000 * operator.forward(torch.from_numpy(scene)).numpy()
    return (rng.poisson(clean.clip(0)) + rng.normal(0, 2, SHAPE) + 100).astype(np.float32)


def written(path: Path, psf: NDArray[Any], spacing_um: float | None, pixel_um: float | None) -> Path:
    write_tiff(path, psf, pixel_size_um=pixel_um, axes="ZYX", acquisition=Acquisition(plane_spacing_um=spacing_um))
    return path


def settings(**options: Any) -> DeblurSettings:
    values = {"alpha": 1.0, "beta": 2.0, "noise_offset": 100.0, "method": "richardson-lucy", "device": "cpu"}
    return DeblurSettings(**{**values, **options})


def test_a_pupil_comes_back_from_its_file_and_is_a_family_in_focus(tmp_path: Path) -> None:
    save_pupil(PUPIL, tmp_path / "pupil.safetensors", (0.01, 0.01))
    read = load_pupil(tmp_path / "pupil.safetensors")
    assert read.microscope == OPTICS and read.modes == PUPIL.modes
    assert read.theta == pytest.approx(PUPIL.theta) and read.amplitude[0] == (4, pytest.approx(-0.1))
    family = load_family(tmp_path / "pupil.safetensors")
    assert isinstance(family, EigenPsfFamily) and family.microscope == OPTICS
    np.testing.assert_allclose(family.psf([1]), PUPIL.psf(family.psf_size).numpy(), atol=1e-5)
    for name, content in (("empty", b""), ("cut", (tmp_path / "pupil.safetensors").read_bytes()[:-4])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FamilyFileError):
            load_pupil(tmp_path / name)
    with pytest.raises(FamilyFileError, match="no file"):
        load_pupil(tmp_path / "nowhere")


def test_a_volume_takes_a_pupil_from_its_file_with_its_transmission(tmp_path: Path, stack: NDArray[np.float32]) -> None:
    save_pupil(PUPIL, tmp_path / "pupil.safetensors")
    made = plan_volume(settings(family=str(tmp_path / "pupil.safetensors")), SHAPE, SPACING_UM)
    half = made.blur.half
    expected = PUPIL.planes(2 * half[1] + 1, SPACING_UM, half[0])
    torch.testing.assert_close(made.blur.planes, expected, atol=1e-5, rtol=1e-3)
    options: dict[str, Any] = {"method": "richardson-lucy", "iterations": 3, "device": "cpu"}
    given = deblur_stack(stack, volume=True, plane_spacing_um=SPACING_UM, psf=PUPIL, microscope=OPTICS, **options)
    by_file = deblur_stack(
        stack, str(tmp_path / "pupil.safetensors"), volume=True, plane_spacing_um=SPACING_UM, **options
    )
    assert given.settings["resolved"]["pupil"] == by_file.settings["resolved"]["pupil"] == "known"
    np.testing.assert_allclose(given.volume, by_file.volume, rtol=1e-3, atol=1)
    # At another pixel size the pupil is the same, and its PSF has other pixels.
    coarse = plan_volume(settings(microscope=Microscope(0.8, 0.5, 0.15, 1.0)), SHAPE, SPACING_UM, PUPIL)
    assert coarse.family is not None and coarse.family.microscope.pixel_size_um == 0.15


def test_a_measured_psf_is_cleaned_and_resampled_to_the_stack(tmp_path: Path, stack: NDArray[np.float32]) -> None:
    fine = SYMMETRIC.planes(61, SPACING_UM / 2, 9).numpy()[1:]
    rng = np.random.default_rng(1)
    counts = (20000 * fine + 300 + rng.normal(0, 3, fine.shape)).astype(np.float32)
    path = written(tmp_path / "psf.tif", np.pad(counts, ((0, 0), (0, 2), (0, 0)), mode="edge"), SPACING_UM / 2, 0.1)
    made = plan_volume(settings(family=str(path), microscope=OPTICS), SHAPE, SPACING_UM)
    expected = SYMMETRIC.planes(61, SPACING_UM, 4)
    found = made.blur.planes
    middle, side = len(found) // 2, found.shape[-1]
    inner = found[middle - 4 : middle + 5, side // 2 - 30 : side // 2 + 31, side // 2 - 30 : side // 2 + 31]
    # Planes keep the light that was measured in them; these are all within the window.
    error = (inner[1:-1] - expected[1:-1]).square().sum() / expected[1:-1].square().sum()
    assert float(-10 * torch.log10(error)) > 15
    assert any("background of 300" in note for note in made.notes) and any("resampled" in note for note in made.notes)
    result = deblur_stack(
        stack, str(path), volume=True, plane_spacing_um=SPACING_UM, microscope=OPTICS, method="wiener", device="cpu"
    )
    assert result.theta is None and result.settings["resolved"]["pupil"] == "measured PSF"
    turned = plan_volume(settings(family=str(path), microscope=OPTICS), SHAPE, -SPACING_UM).blur.planes
    torch.testing.assert_close(turned, found.flip(0))
    wide = plan_volume(settings(family=str(path), microscope=Microscope(0.8, 0.5, 0.15, 1.0)), SHAPE, SPACING_UM)
    assert wide.blur.planes.shape[-1] < 0.75 * side
    alone = written(tmp_path / "alone.tif", counts, None, None)
    doubted = plan_volume(settings(family=str(alone), microscope=OPTICS), SHAPE, SPACING_UM).notes
    assert sum("does not say" in note for note in doubted) == 2
    with pytest.raises(SettingsError, match="no PSF of this microscope"):
        plan_volume(settings(family=str(path), microscope=OPTICS), SHAPE, 10 * SPACING_UM)


GOOD = 1000 * PUPIL.planes(41, SPACING_UM, 4).numpy()
BAD = {
    "one plane": (GOOD[4], "several planes"),
    "two planes": (GOOD[3:5], "3 to 511 planes"),
    "not finite": (np.where(GOOD > 10, np.nan, GOOD), "values from nan"),
    "dark": (0 * GOOD, "values from 0 to 0"),
    "signed": (GOOD - GOOD[4].max() * (np.arange(41) > 38), "nowhere negative"),
    "no focus": (GOOD[4:], "first plane"),
    "off centre": (np.roll(GOOD, 15, 1), "from the middle"),
    "two beads": (GOOD + np.roll(0.9 * GOOD, 14, 2), "more than one bright spot"),
    "wide": (
        np.array([1, 2, 3, 2, 1])[:, None, None] * np.exp(-(np.hypot(*np.mgrid[-20:21, -20:21]) ** 2) / 800),
        "wider",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_psf_of_a_volume_is_refused(tmp_path: Path, name: str) -> None:
    array, words = BAD[name]
    write_tiff(tmp_path / "psf.tif", array.astype(np.float32), axes="ZYX"[-array.ndim :])
    with pytest.raises(FamilyFileError, match=words):
        load_psf_stack(tmp_path / "psf.tif")


def test_a_psf_is_for_volumes(stack: NDArray[np.float32]) -> None:
    with pytest.raises(SettingsError, match="volume=True"):
        deblur_stack(stack, psf=PUPIL)  # type: ignore[call-overload]
    with pytest.raises(FamilyError, match="odd"):
        plan_volume(settings(), SHAPE, SPACING_UM, np.ones((4, 5, 5)))
