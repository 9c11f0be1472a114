"""The plan of a run: made once, whatever it is for, and enough to make the run again."""

from __future__ import annotations

import builtins
import io
import json
from collections import Counter
from collections.abc import Generator
from dataclasses import FrozenInstanceError, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepblur.errors import FamilyError, ImageError, SettingsError
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.families import family_hash, save_family
from napari_deepblur.io.sinks import ArraySink
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.evidence import Evidence
from napari_deepblur.operators import EigenPsfFamily, FieldZernikeFamily, OperatorFamily, ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings, deblur
from napari_deepblur.pipeline.plan import plan, plan_identification
from napari_deepblur.pipeline.run import run
from napari_deepblur.pipeline.series import deblur_stack_steps
from napari_deepblur.progress import Progress, finished

OPTICS = Microscope(pixel_size_um=0.09)
QUIET = PoissonGaussianNoise(0.5, 2.0)


@pytest.fixture
def known_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identify every blur as a little defocus, whatever the network says."""

    def steps(evidence: Evidence, family: OperatorFamily, *_: object) -> Generator[Progress, None, Identification]:
        yield Progress("identify", 1, 1)
        theta = np.zeros(family.n_parameters, np.float32)
        theta[0] = 0.05
        one = np.ones(1, np.float32)
        psfs = family.psf(theta)[None]
        return Identification(
            theta, 0 * theta, psfs, one / 20, np.zeros((1, 2), np.float32), evidence.noise, family.parameter_names,
            family.even_modes,
        )  # fmt: skip

    monkeypatch.setattr(import_module("napari_deepblur.pipeline.run"), "identify_evidence_steps", steps)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each weights or family file is opened, by whatever."""
    found: Counter[str] = Counter()
    really, safely = io.open, import_module("napari_deepblur.io.families").safe_open

    def count(file: Any) -> None:
        if str(file).endswith(".safetensors"):
            found[Path(file).name] += 1

    def opens(file: Any, *arguments: Any, **more: Any) -> Any:
        count(file)
        return really(file, *arguments, **more)

    def opens_safely(file: Any, *arguments: Any) -> Any:
        count(file)
        return safely(file, *arguments)

    monkeypatch.setattr(io, "open", opens)
    monkeypatch.setattr(builtins, "open", opens)
    monkeypatch.setattr("napari_deepblur.io.families.safe_open", opens_safely)
    return found


def _series(frames: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.poisson(rng.gamma(0.5, 100, (frames, channels, 40, 44))).astype(np.uint16)


@pytest.mark.usefixtures("weights_folder", "known_to_all")
@pytest.mark.parametrize("wavelengths", [None, (0.5, 0.6)])
def test_weights_are_opened_once_in_a_series(opened: Counter[str], wavelengths: tuple[float, ...] | None) -> None:
    array = _series(50, 2)
    settings = DeblurSettings(
        microscope=Microscope(pixel_size_um=0.07),
        psf_size=21,
        noise=(0.5, 2.0),
        device="cpu",
        channel_wavelengths_um=wavelengths,
    )
    series = finished(deblur_stack_steps(array, "TCYX", settings, ArraySink()))
    assert len(series.record["frames"]) == 100
    assert opened == {"identification-light.safetensors": 1, "deblurring-light.safetensors": 1}


@pytest.mark.usefixtures("weights_folder")
def test_a_family_is_opened_once_in_a_series(opened: Counter[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_family(EigenPsfFamily(np.random.default_rng(0).uniform(size=(2, 5, 5)), np.eye(2), OPTICS), file)
    settings = DeblurSettings(microscope=OPTICS, family=str(file), theta=(1.0, 0.5), device="cpu", noise=(0.5, 2.0))
    opened.clear()
    finished(deblur_stack_steps(_series(4), "TCYX", settings, ArraySink()))
    assert opened["mine.safetensors"] == 1
    assert opened["deblurring-light.safetensors"] == 1
    opened.clear()
    deblur(_series(1)[0, 0], str(file), theta=(1.0, 0.5), noise=QUIET, device="cpu", method="wiener")
    assert opened == {"mine.safetensors": 1}


FAMILIES: dict[str, OperatorFamily] = {
    "zernike": ZernikeFamily(OPTICS, (4, 7), 0.1, 33),
    "a part of a varying field": FieldZernikeFamily(OPTICS, (4, 7), 2, (300, 200), 0.1, 21, rank=3),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_record_of_a_run_is_enough_to_make_it_again(name: str) -> None:
    """Also of a family that was given as an object: its field, its rank and its amplitude are in the settings."""
    family = FAMILIES[name]
    image = _series(1)[0, 0]
    theta = family.sample(1, 4)[0]
    origin = (120, 90) if family.field_shape else (0, 0)
    first = deblur(image, family, theta, QUIET, method="wiener", device="cpu", origin=origin)
    settings = DeblurSettings(**json.loads(json.dumps(first.settings["settings"])))
    made = plan(settings, (40, 44))
    assert made.digest == family_hash(family) == first.settings["resolved"]["family"]["sha256"]
    again = finished(run(made, image))
    np.testing.assert_array_equal(again.image, first.image)
    assert again.settings == first.settings


def test_a_plan_does_not_change() -> None:
    made = plan(DeblurSettings(microscope=OPTICS, theta=(0.0,) * 8, method="wiener", device="cpu"), (40, 44))
    for field in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)


def test_what_is_wrong_is_found_when_it_is_planned_or_before_the_first_step() -> None:
    settings = DeblurSettings(microscope=OPTICS, theta=(0.0,) * 8, method="wiener", device="cpu")
    with pytest.raises(FamilyError, match=r"\(2,\)"):
        plan(settings.replace(theta=(0.0, 0.0)), (40, 44))
    with pytest.raises(FamilyError, match="another camera size"):
        plan(settings.replace(family="field-zernike", degree=0, field_shape=(30, 30)), (40, 44))
    several = settings.replace(channel_wavelengths_um=(0.5, 0.6))
    with pytest.raises(SettingsError, match="own optics"):
        plan(several, (40, 44), ZernikeFamily(OPTICS))
    with pytest.raises(SettingsError, match="save_family"):
        plan(DeblurSettings(family="in memory"), (40, 44))
    made = plan(settings, (40, 44))
    with pytest.raises(ImageError, match=r"shape \(41, 44\), but the plan was made for \(40, 44\)"):
        next(run(made, np.eye(41, 44)))


def test_channels_and_parts_are_planned_from_the_whole() -> None:
    settings = DeblurSettings(
        microscope=Microscope(pixel_size_um=0.07), channel_wavelengths_um=(0.5, 0.6), theta=(0.0,) * 8, method="wiener"
    )
    made = plan(settings, (200, 210))
    channels = [made.of_channel(channel) for channel in range(2)]
    assert [one.family.microscope.wavelength_um for one in channels if one.family.microscope] == [0.5, 0.6]
    assert len({one.digest for one in channels}) == 2
    assert all(one.restorer is made.restorer and one.settings.channel_wavelengths_um is None for one in channels)
    varying = plan(
        DeblurSettings(microscope=OPTICS, family="field-zernike", theta=(0.0,) * 24, method="wiener"), (200, 210)
    )
    part = varying.of_part((50, 60), (64, 70))
    assert part.family is varying.family and part.shape == (64, 70)
    # A part says where it lies in which field, so that its record makes it again.
    assert plan(part.settings, part.shape).digest == varying.digest


@pytest.mark.usefixtures("weights_folder")
def test_identification_alone_reads_no_weights_that_deblur_and_ignores_what_is_known(opened: Counter[str]) -> None:
    settings = DeblurSettings(microscope=OPTICS, modes=(4, 7), theta=(0.1, 0.0), noise=(0.5, 2.0), device="cpu")
    made = plan_identification(settings, (40, 44))
    assert opened == {"identification-light.safetensors": 1}
    assert made.network is not None and made.noise == QUIET
    assert family_hash(made.family) == plan(settings, (40, 44)).digest
    outside = FieldZernikeFamily(OPTICS, (4, 7), 1, (30, 30), 0.1, 21)
    with pytest.raises(FamilyError):
        plan_identification(settings, (40, 44), outside)


def test_the_record_names_the_kind_of_the_family_as_files_and_settings_do() -> None:
    family = EigenPsfFamily(np.random.default_rng(0).uniform(size=(2, 5, 5)), np.eye(2), OPTICS)
    record = deblur(_series(1)[0, 0], family, (1.0, 0.5), QUIET, method="wiener", device="cpu").settings
    assert record["resolved"]["family"] == {"kind": "eigen-psf", "sha256": family_hash(family)}
