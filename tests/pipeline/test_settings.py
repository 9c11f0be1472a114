"""Settings: what is refused and in which words, and the way through a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.errors import DeepblurError, FamilyError, MicroscopeError, NoiseError, OutputError, SettingsError
from napari_deepblur.io.families import save_family
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.options import kinds, options
from napari_deepblur.pipeline.settings import DeblurSettings, load_settings, recommended_psf_size, save_settings

OPTICS = Microscope(1.2, 0.6, 0.1, 1.33)

EVERYTHING = DeblurSettings(
    microscope=OPTICS,
    modes=(4, 7, 8),
    max_amplitude=0.1,
    psf_size=41,
    noise=(0.5, 2.0),
    noise_offset=100.0,
    theta=(0.05, -0.02, 0.01),
    method="richardson-lucy",
    size="paper",
    device="cuda:1",
    tile=None,
    iterations=12,
    strength=0.01,
)


@pytest.mark.parametrize(
    "settings", [EVERYTHING, DeblurSettings(microscope=OPTICS), DeblurSettings(microscope=OPTICS, tile=256)]
)
def test_settings_come_back_from_their_file(tmp_path: Path, settings: DeblurSettings) -> None:
    path = tmp_path / "settings.json"
    save_settings(settings, path)
    assert load_settings(path) == settings
    assert DeblurSettings(**json.loads(path.read_text())) == settings
    # A file of a few settings leaves the others at their defaults.
    path.write_text(json.dumps({"microscope": json.loads(path.read_text())["microscope"], "device": "mps"}))
    assert load_settings(path) == DeblurSettings(microscope=settings.microscope, device="mps")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        EVERYTHING.device = "cpu"  # type: ignore[misc]


REFUSED: dict[str, tuple[dict[str, Any], type[DeepblurError], str]] = {
    "unknown_key": ({"speed": 11}, SettingsError, "speed"),
    "unknown_key_of_microscope": ({"microscope": {"na": 1.2, "lens": "big"}}, SettingsError, "lens"),
    "na_above_n": ({"microscope": {"na": 1.4, "n_immersion": 1.33}}, MicroscopeError, r"1\.4.*1\.33"),
    "zero_pixel": ({"microscope": {"pixel_size_um": 0}}, MicroscopeError, "pixel_size_um is 0"),
    "negative_pixel": ({"microscope": {"pixel_size_um": -0.1}}, MicroscopeError, "pixel_size_um is -0.1"),
    "nanometres": ({"microscope": {"pixel_size_um": 65.0}}, MicroscopeError, "micrometres"),
    "wavelength_in_nm": ({"microscope": {"wavelength_um": float("inf")}}, MicroscopeError, "wavelength_um"),
    "no_microscope": ({"microscope": "Leica"}, SettingsError, "microscope"),
    "one_number_of_noise": ({"noise": (0.1,)}, SettingsError, "noise"),
    "word_for_noise": ({"noise": "much"}, SettingsError, "noise"),
    "small_tile": ({"tile": 3}, SettingsError, "tile"),
    "word_for_tile": ({"tile": "some"}, SettingsError, "some"),
    "method": ({"method": "magic"}, SettingsError, "magic"),
    "size": ({"size": "giant"}, SettingsError, "giant"),
    "psf_size": ({"psf_size": "wide"}, SettingsError, "wide"),
    "no_iterations": ({"method": "wiener", "iterations": 0}, SettingsError, "iterations"),
    "negative_strength": ({"method": "wiener", "strength": -1}, SettingsError, "strength"),
    "iterations_of_network": ({"iterations": 5}, SettingsError, "classical"),
    "two_things": ({"size": "giant", "speed": 11}, SettingsError, "giant.*speed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_cannot_be_used_are_diagnosed(tmp_path: Path, name: str) -> None:
    values, error, words = REFUSED[name]
    values = {"microscope": {"pixel_size_um": 0.09}} | values
    with pytest.raises(error, match=words) as caught:
        DeblurSettings(**values)
    assert "\n" not in str(caught.value)
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(values))
    with pytest.raises(error, match=words) as caught:
        load_settings(path)
    assert "\n" not in str(caught.value)


def test_files_that_hold_no_settings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    with pytest.raises(SettingsError, match=r"settings\.json"):
        load_settings(path)
    for content in (b"", b"{", b"[1, 2]", b"3", b"\xff\xfe\x00", b'{"speed": 1}', b'{"microscope": {"na": 7}}'):
        path.write_bytes(content)
        with pytest.raises(DeepblurError, match=r"settings\.json"):
            load_settings(path)
    path.write_text('{"a":' * 3000 + "1" + "}" * 3000)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("content", ['{"method": "wiener", "method": "network"}', '{"microscope": {"na": 1, "na": 1}}'])
def test_a_setting_that_is_said_twice_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"settings\.json: It says (method|na) more than once"):
        load_settings(path)


def test_a_mark_at_the_beginning_of_a_file_is_no_setting(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"method": "wiener"}', encoding="utf-8-sig")
    assert load_settings(path).restore.method == "wiener"


def test_a_file_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save_settings(EVERYTHING, tmp_path / "absent" / "settings.json")


def test_a_family_from_a_file_is_of_the_pixel_size_of_the_image(tmp_path: Path) -> None:
    """Measured or not: coefficients of other pixels are of another blur."""
    file = tmp_path / "family.safetensors"
    save_family(ZernikeFamily(OPTICS), file)
    assert DeblurSettings(family=str(file)).operator_family((64, 64)).pixel_size_um == 0.1
    assert DeblurSettings(family=str(file), microscope=OPTICS).operator_family((64, 64)).kind == "zernike"
    other = DeblurSettings(family=str(file), microscope=Microscope(1.2, 0.6, 0.08, 1.33))
    with pytest.raises(SettingsError, match=r"pixels of 0\.1 um, but the image has pixels of 0\.08 um"):
        other.operator_family((64, 64))


def test_the_family_is_the_one_described() -> None:
    family = EVERYTHING.operator_family((64, 64))
    assert isinstance(family, ZernikeFamily)
    assert (family.microscope, family.modes, family.max_amplitude, family.psf_size) == (OPTICS, (4, 7, 8), 0.1, 41)
    for values in ({"modes": (4, 4)}, {"modes": (1, 4)}, {"modes": ()}, {"psf_size": 30}, {"max_amplitude": 0.0}):
        with pytest.raises(FamilyError):
            DeblurSettings(microscope=OPTICS, **values).operator_family((64, 64))


def test_known_noise_is_the_one_given() -> None:
    assert EVERYTHING.known_noise() == PoissonGaussianNoise(0.5, 2.0, 100.0)
    assert DeblurSettings(microscope=OPTICS).known_noise() is None
    with pytest.raises(NoiseError, match="alpha is -1"):
        DeblurSettings(microscope=OPTICS, noise=(-1, 0)).known_noise()
    with pytest.raises(NoiseError, match="beta is nan"):
        DeblurSettings(microscope=OPTICS, noise=(0, float("nan"))).known_noise()


@given(st.floats(0.005, 0.117))
def test_the_psf_is_odd_and_as_wide_as_the_optics_ask(pixel: float) -> None:
    optics = Microscope(1.2, 0.6, pixel, 1.33)
    size = recommended_psf_size(optics)
    assert size % 2 == 1
    assert 31 <= size <= 127
    if 31 < size < 127:
        assert 0 <= size - 31 * 0.261 / optics.cutoff < 2


def test_the_papers_setting_has_the_papers_psf() -> None:
    with pytest.warns(UserWarning, match="Under-sampled"):
        paper = Microscope()
    assert recommended_psf_size(paper) == 31
    assert recommended_psf_size(Microscope(pixel_size_um=0.05)) == 63


def test_channels_have_their_own_wavelengths() -> None:
    settings = DeblurSettings(microscope=Microscope(pixel_size_um=0.07), channel_wavelengths_um=(0.45, 0.6))
    assert [settings.microscope_of(channel).wavelength_um for channel in range(2)] == [0.45, 0.6]
    assert DeblurSettings(microscope=Microscope(pixel_size_um=0.07)).microscope_of(3).wavelength_um == 0.54


def test_wavelengths_of_channels_are_checked() -> None:
    with pytest.raises(MicroscopeError, match="wavelength"):
        DeblurSettings(microscope=Microscope(pixel_size_um=0.07), channel_wavelengths_um=(0.45, -1.0))
    with pytest.raises(SettingsError, match=r"channel_wavelengths_um: .* at least 1"):
        DeblurSettings(microscope=Microscope(pixel_size_um=0.07), channel_wavelengths_um=())
    with pytest.raises(SettingsError, match="one wavelength"):
        DeblurSettings(microscope=Microscope(pixel_size_um=0.07), family="demonstration", channel_wavelengths_um=(0.5,))


def test_any_method_can_take_the_place_of_any_other() -> None:
    for one in kinds("restore"):
        for other in kinds("restore"):
            settings = DeblurSettings(microscope=OPTICS, method=one).replace(method=other)
            assert settings == DeblurSettings(microscope=OPTICS, method=other)
    thick = DeblurSettings(microscope=OPTICS, method="wiener", background="volume")
    with pytest.raises(SettingsError, match="the network has none"):
        thick.replace(method="network")


def test_what_nobody_states_is_assumed() -> None:
    everything = ("na", "wavelength_um", "pixel_size_um", "n_immersion")
    assert DeblurSettings().assumed == everything
    assert DeblurSettings(microscope={"na": 1.2, "pixel_size_um": 0.1}).assumed == ("wavelength_um", "n_immersion")
    assert DeblurSettings(microscope=OPTICS).assumed == DeblurSettings(family="mine.safetensors").assumed == ()


WRONG_KINDS: list[tuple[dict[str, Any], str]] = [
    ({"microscope": {"na": True}}, "microscope.na is true, which is no number"),
    ({"microscope": {"na": "1.2"}}, "microscope.na is the text '1.2', expected a number"),
    ({"microscope": {"n_sample": "1.4"}}, "microscope.n_sample is the text '1.4'"),
    ({"channel_wavelengths_um": ["0.5"]}, "channel_wavelengths_um is the text '0.5'"),
    ({"alpha": "1", "beta": 2}, "alpha is the text '1'"),
    ({"tile": "256"}, "tile is the text '256'"),
    ({"draws": False}, "draws is false, which is no number"),
    ({"theta": [0.1, True]}, "theta is true"),
    ({"modes": ["4"]}, "modes is the text '4'"),
    ({"psf_size": "31"}, "psf_size is the text '31'"),
    ({"restore": {"method": "wiener", "strength": "0.1"}}, "strength is the text '0.1'"),
    ({"blur": {"family": "field-zernike", "degree": True}}, "degree is true"),
]


@pytest.mark.parametrize(("values", "words"), WRONG_KINDS)
def test_a_value_of_the_wrong_kind_is_refused_from_files_and_in_python(
    values: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(values))
    with pytest.raises(SettingsError, match=rf"settings.json: {words}"):
        load_settings(path)
    with pytest.raises(SettingsError, match=words):
        DeblurSettings(**values)


@pytest.mark.parametrize("wrong", [True, "1"])
def test_every_number_of_the_settings_refuses_what_is_none(wrong: object) -> None:
    """One walk over all options: a new field is checked, too."""
    numbers = [own for own in options() if any(word in str(own.annotation) for word in ("int", "float"))]
    assert len(numbers) >= 20
    for own in numbers:
        kind = {"family": own.variants[0]} if own.part == "blur" and own.variants else {}
        kind |= {"method": own.variants[0]} if own.part == "restore" and own.variants else {}
        kind |= {"alpha": 1.0, "beta": 1.0} if own.part == "noise" else {}
        values = {"microscope": {own.field: wrong}} if own.part == "microscope" else kind | {own.name: wrong}
        with pytest.raises(SettingsError, match=f"{own.field} is (true|the text)"):
            DeblurSettings(**values)


def test_the_file_of_a_blur_is_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_family(ZernikeFamily(OPTICS), tmp_path / "own.safetensors")
    monkeypatch.chdir(tmp_path)
    for file, known in (("own.safetensors", tmp_path / "own.safetensors"), ("demonstration", "demonstration")):
        save_settings(DeblurSettings(family=file), tmp_path / "settings.json")
        monkeypatch.chdir(tmp_path.parent)
        found = load_settings(tmp_path / "settings.json")
        assert found.blur.family == "file" and found.blur.file == str(known) and found.family_file is not None
        monkeypatch.chdir(tmp_path)
