"""Settings of before there were parts, light and depth: files that were written then, and records of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_deepblur.errors import SettingsError
from napari_deepblur.io.families import family_hash
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings, load_settings, save_settings
from napari_deepblur.pipeline.methods import (
    NetworkRestoration,
    RichardsonLucyRestoration,
    RichardsonLucyVariationRestoration,
    WienerRestoration,
)
from napari_deepblur.pipeline.parts import Compute, EstimatedNoise, FieldZernikeBlur, FileBlur, GivenNoise, ZernikeBlur

# Written by the version before this one.
OLDER: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("older_settings.json").read_text())
OPTICS = Microscope(1.2, 0.6, 0.1, 1.33, light="scalar")


def test_what_they_meant_is_what_they_become() -> None:
    found = {name: DeblurSettings(**values) for name, values in OLDER.items()}
    assert found["default"] == DeblurSettings(microscope=OPTICS, blur=ZernikeBlur(max_amplitude=0.15))
    assert found["everything"] == DeblurSettings(
        microscope=OPTICS,
        blur=ZernikeBlur(modes=(4, 7, 8), max_amplitude=0.1, psf_size=41, theta=(0.05, -0.02, 0.01)),
        noise=GivenNoise(alpha=0.5, beta=2.0, offset=100.0),
        restore=RichardsonLucyVariationRestoration(iterations=12, strength=0.01),
        compute=Compute(size="paper", device="cuda:1", tile=None),
    )
    assert found["varying"] == DeblurSettings(
        microscope=OPTICS,
        channel_wavelengths_um=(0.5, 0.6),
        blur=FieldZernikeBlur(degree=2, origin=(3, 4), max_amplitude=0.15),
        noise=EstimatedNoise(),
        restore=WienerRestoration(),
        compute=Compute(tile=256),
    )
    file = FileBlur(file="demonstration", origin=(5, 6))
    assert found["file"] == DeblurSettings(microscope=OPTICS, blur=file, restore=NetworkRestoration())
    assert found["object"].blur == FileBlur(file=None)
    with pytest.raises(SettingsError, match="save_family"):
        found["object"].operator_family((64, 64))


_RL = "richardson-lucy"
TV = RichardsonLucyVariationRestoration
ONE_NAME = {
    "its own strength": ({"iterations": None, "strength": None, "background": "none"}, TV()),
    "a strength": ({"iterations": 7, "strength": 0.02}, TV(iterations=7, strength=0.02)),
    "without prior": ({"iterations": 7, "strength": 0.0}, RichardsonLucyRestoration(iterations=7)),
    "between planes": ({"strength": None, "background": "volume"}, RichardsonLucyRestoration(background="volume")),
    "of today": ({"iterations": 7}, RichardsonLucyRestoration(iterations=7)),
}
"""What Richardson-Lucy was when one name stood for it with a prior and without, and what that is."""


@pytest.mark.parametrize("name", ONE_NAME)
def test_richardson_lucy_stays_what_it_was(tmp_path: Path, name: str) -> None:
    values, meant = ONE_NAME[name]
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"restore": {"method": _RL, **values}}), encoding="utf-8")
    assert load_settings(path).restore == meant
    assert DeblurSettings(method=_RL, **values).restore == meant


def test_another_method_has_none_of_the_numbers_of_the_one_before() -> None:
    settings = DeblurSettings(restore=TV(iterations=7, strength=0.3, background="volume"))
    assert settings.replace(method=_RL).restore == RichardsonLucyRestoration(background="volume")
    assert settings.replace(method="richardson-lucy-tv", iterations=8).restore.model_dump()["strength"] == 0.3


@pytest.mark.parametrize("name", OLDER)
def test_their_files_load_and_stay_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(OLDER[name]), encoding="utf-8")
    settings = load_settings(path)
    assert settings == DeblurSettings(**OLDER[name])
    save_settings(settings, path)
    assert load_settings(path) == settings


def test_their_blur_is_the_same() -> None:
    """With the light of then."""
    family = DeblurSettings(**OLDER["default"]).operator_family((64, 64))
    assert family.microscope == OPTICS and family.numbers["max_amplitude"] == 0.15
    digest = family_hash(family)
    assert digest != family_hash(DeblurSettings(microscope=Microscope(1.2, 0.6, 0.1, 1.33)).operator_family((64, 64)))


def test_equal_settings_behave_alike_after_a_save(tmp_path: Path) -> None:
    """Nothing depends on what was stated and what was left at its default."""
    path = tmp_path / "settings.json"
    for settings in (DeblurSettings(family="demonstration"), DeblurSettings(family="demonstration", origin=(1, 2))):
        save_settings(settings, path)
        again = load_settings(path)
        assert again == settings and again.microscope is None
        assert again.operator_family((8, 8)).pixel_size_um == settings.operator_family((8, 8)).pixel_size_um == 0.065
