"""Deblurring of one image: units, tiles, progress, cancel and every way in which it can fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from napari_deepblur.errors import (
    DeviceError,
    FamilyError,
    ImageError,
    MicroscopeError,
    NoiseError,
    SettingsError,
    WeightsError,
)
from napari_deepblur.io.weights import save_weights
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings, deblur, deblur_stack, deblur_steps, identify
from napari_deepblur.progress import Progress, finished

pytestmark = pytest.mark.usefixtures("weights_folder")

OPTICS = Microscope(pixel_size_um=0.09)
QUIET = PoissonGaussianNoise(0.0, 2.0)


@pytest.fixture
def settings(theta: np.ndarray) -> DeblurSettings:
    return DeblurSettings(microscope=OPTICS, theta=tuple(theta.tolist()), noise=(0.0, 2.0), device="cpu")


@pytest.fixture
def without_prior(weights_folder: Path) -> None:
    """Install a network whose proximal step changes nothing: what is left is regularised least squares."""
    network = DeblurringNetwork(DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=2, shared=True))
    for parameter in network.proximal.parameters():
        torch.nn.init.zeros_(parameter)
    save_weights(weights_folder / "deblurring-light.safetensors", network, {})


def _run(image: np.ndarray, settings: DeblurSettings) -> tuple[list[Progress], Any]:
    steps: list[Any] = []
    result = finished(deblur_steps(image, settings), steps.append)
    return [step for step in steps if isinstance(step, Progress)], result


def test_the_result_has_the_shape_and_the_units_of_the_image(image: np.ndarray, theta: np.ndarray) -> None:
    family = ZernikeFamily(OPTICS)
    for shown in (image, np.rint(image).astype(">u2"), image.T[:, ::-1], image[:63, :79].astype(np.float64)):
        result = deblur(shown, family, theta, QUIET, device="cpu").image
        assert result.shape == shown.shape
        assert result.dtype == np.float32
        assert result.flags.c_contiguous
        assert result.dtype.isnative
        assert result.mean() == pytest.approx(float(shown.mean()), rel=0.1)


@pytest.mark.usefixtures("without_prior")
def test_the_restored_image_is_nearer_to_the_scene(image: np.ndarray, scene: np.ndarray, theta: np.ndarray) -> None:
    restored = deblur(image, ZernikeFamily(OPTICS), theta, QUIET, device="cpu").image
    sharp = scene[15:-15, 15:-15]

    def correlations(shown: np.ndarray) -> np.ndarray:
        spectra = [np.fft.fft2((part - part.mean()) / part.std()) for part in (shown, sharp)]
        return np.fft.ifft2(spectra[0] * spectra[1].conj()).real / sharp.size

    before, after = correlations(image), correlations(restored)
    assert after[0, 0] > 1.25 * before[0, 0]
    # And it lies exactly on the scene.
    assert after.argmax() == 0


def _equivariance(image: np.ndarray, result: Any, other: Any, gain: float, offset: float) -> None:
    span = gain * float(np.ptp(result.image))
    np.testing.assert_allclose(other.image, gain * result.image + offset, atol=2e-4 * span, rtol=0)


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (37.0, 500.0), (1.0, -300.0)])
def test_units_do_not_matter_where_all_is_known(
    image: np.ndarray, theta: np.ndarray, gain: float, offset: float
) -> None:
    family, noise = ZernikeFamily(OPTICS), PoissonGaussianNoise(0.5, 2.0, 90.0)
    result = deblur(image, family, theta, noise, device="cpu")
    other = deblur(gain * image + offset, family, theta, noise.rescaled(gain, offset), device="cpu")
    _equivariance(image, result, other, gain, offset)


def test_units_do_not_matter_where_nothing_is_known(image: np.ndarray) -> None:
    family = ZernikeFamily(OPTICS)
    result = deblur(image, family, device="cpu")
    other = deblur(8 * image, family, device="cpu")
    _equivariance(image, result, other, 8, 0)
    assert result.identification is not None
    assert other.identification is not None
    np.testing.assert_allclose(other.identification.theta, result.identification.theta, atol=1e-4)
    assert other.identification.noise.beta == pytest.approx(8 * result.identification.noise.beta, rel=1e-3)


def _large(image: np.ndarray) -> np.ndarray:
    """Mirror the image to 288 x 240 pixels."""
    return np.pad(image, [(0, 192), (0, 160)], mode="symmetric")


@pytest.mark.usefixtures("without_prior")
def test_tiles_make_the_image_that_the_whole_makes(image: np.ndarray, settings: DeblurSettings) -> None:
    large = _large(image)
    whole = _run(large, settings.replace(tile=None))[1].image
    tiled = _run(large, settings.replace(tile=128))[1].image
    error = (tiled - whole) / np.ptp(whole)
    assert np.abs(error).max() < 0.01
    # Nor do seams show: neighbours differ as they do in the whole image.
    for axis in (0, 1):
        assert np.abs(np.diff(error, axis=axis)).max() < 0.005


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("tile", [None, 128])
def test_progress_is_known_from_the_start_and_ends_at_its_total(
    image: np.ndarray, settings: DeblurSettings, known: bool, tile: int | None
) -> None:
    shown = image if tile is None else np.pad(image, [(0, 60), (0, 40)], mode="symmetric")
    reports, result = _run(shown, settings.replace(**{"tile": tile} | ({} if known else {"theta": None})))
    assert {report.total for report in reports} == {reports[0].total}
    done = [report.done for report in reports]
    assert done[0] == 0
    assert done == sorted(done)
    assert done[-1] == reports[0].total
    stages = list(dict.fromkeys(report.stage for report in reports))
    assert stages == (["noise", "deblur"] if known else ["noise", "identify", "deblur"])
    assert (result.identification is None) == known


@pytest.mark.parametrize("method", ["richardson-lucy", "richardson-lucy-tv", "total-variation", "wiener"])
def test_classical_methods_report_and_keep_units_too(image: np.ndarray, settings: DeblurSettings, method: str) -> None:
    reports, result = _run(image, settings.replace(method=method, iterations=5))
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert done[-1] == reports[0].total == reports[-1].total
    assert result.image.shape == image.shape
    assert result.image.mean() == pytest.approx(float(image.mean()), rel=0.05)
    assert set(result.settings["resolved"]["weights"]) == set()


def test_closing_stops_the_work(image: np.ndarray, settings: DeblurSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    iterations = 0
    original = DeblurringNetwork.iterate

    def counting(self: DeblurringNetwork, *arguments: Any) -> Iterator[Tensor]:
        nonlocal iterations
        for scene in original(self, *arguments):
            iterations += 1
            yield scene

    monkeypatch.setattr(DeblurringNetwork, "iterate", counting)
    steps = deblur_steps(image, settings)
    while next(steps).done < 1:
        pass
    steps.close()
    assert iterations == 1
    assert list(steps) == []
    # A job that waits does not leave its modes to its neighbours.
    assert not torch.is_inference_mode_enabled()
    assert not torch.is_autocast_enabled("cpu")


def test_known_coefficients_need_no_identification(
    image: np.ndarray,
    theta: np.ndarray,
    settings: DeblurSettings,
    weights_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        import_module("napari_deepblur.pipeline.run"), "identify_evidence_steps", lambda *_: pytest.fail("identified")
    )
    (weights_folder / "identification-light.safetensors").write_bytes(b"damaged")
    result = _run(image, settings)[1]
    assert result.identification is None
    assert result.settings["resolved"]["theta"] == pytest.approx(theta.tolist())
    assert set(result.settings["resolved"]["weights"]) == {"deblurring"}
    with pytest.raises(WeightsError):
        next(deblur_steps(image, settings.replace(theta=None)))


def test_the_record_repeats_the_result(image: np.ndarray) -> None:
    result = deblur(image, ZernikeFamily(OPTICS, modes=(4, 7, 8)), device="cpu")
    record = json.loads(json.dumps(result.settings, allow_nan=False))
    assert record == result.settings
    again = _run(image, DeblurSettings(**record["settings"]))[1]
    np.testing.assert_array_equal(again.image, result.image)
    assert result.identification is not None
    assert record["resolved"]["noise"]["beta"] == result.identification.noise.beta
    assert len(record["resolved"]["weights"]["deblurring"]["sha256"]) == 16


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "device": ({"device": "abacus"}, DeviceError, "abacus"),
    "theta": ({"theta": (0.1, 0.2)}, FamilyError, r"\(2,\).*\(8,\)"),
    "modes": ({"modes": (4, 4)}, FamilyError, "modes"),
    "psf_size": ({"psf_size": 81}, ImageError, "expected at least 81"),
    "noise": ({"noise": (-1.0, 0.0)}, NoiseError, "alpha"),
    "size": ({"size": "paper"}, WeightsError, "paper"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_found_before_the_first_step(image: np.ndarray, settings: DeblurSettings, name: str) -> None:
    values, error, words = BAD[name]
    with pytest.raises(error, match=words):
        next(deblur_steps(image, settings.replace(**values)))


@pytest.mark.parametrize("shown", [np.zeros((5, 5)), np.zeros(50), np.zeros((0, 0)), np.full((64, 64), np.nan)])
def test_bad_images_are_found_before_the_first_step(shown: np.ndarray, settings: DeblurSettings) -> None:
    with pytest.raises(ImageError):
        next(deblur_steps(shown, settings))


def test_python_arguments_are_checked_as_settings_are(image: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="tile"):
        deblur(image, ZernikeFamily(OPTICS), tile=5)
    with pytest.raises(SettingsError, match="magic"):
        deblur(image, ZernikeFamily(OPTICS), method="magic")  # type: ignore[arg-type]
    with pytest.raises(MicroscopeError):
        Microscope(na=2.0)


def test_what_is_no_family_is_not_taken_for_none(image: np.ndarray) -> None:
    with pytest.raises(FamilyError, match="microscope="):
        deblur(image, OPTICS)  # type: ignore[call-overload, arg-type]
    with pytest.raises(FamilyError, match="microscope="):
        deblur_stack(image, OPTICS)  # type: ignore[call-overload]
    with pytest.raises(FamilyError, match="microscope="):
        identify(image, OPTICS)  # type: ignore[arg-type]
    with pytest.raises(FamilyError, match="is a dict"):
        deblur(image, {"kind": "zernike"})  # type: ignore[call-overload, arg-type]


def _short_of_memory(largest: int) -> Any:
    original = DeblurringNetwork.iterate

    def iterate(self: DeblurringNetwork, image: Tensor, *arguments: Any) -> Iterator[Tensor]:
        if image.numel() > largest:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        yield from original(self, image, *arguments)

    return iterate


def test_where_memory_is_short_the_tiles_become_smaller(
    image: np.ndarray, settings: DeblurSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = _large(image)
    expected = _run(large, settings.replace(tile=144))[1].image
    monkeypatch.setattr(DeblurringNetwork, "iterate", _short_of_memory(large.size - 1))
    reports, result = _run(large, settings.replace(tile=None))
    np.testing.assert_array_equal(result.image, expected)
    assert result.settings["resolved"]["tile"] == 144
    assert "ran out" in result.settings["resolved"]["notes"][0]
    assert reports[-1].done == reports[-1].total


def test_no_memory_at_all_is_a_device_error(
    image: np.ndarray, settings: DeblurSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeblurringNetwork, "iterate", _short_of_memory(0))
    for tile in (None, 128):
        with pytest.raises(DeviceError, match="Out of memory") as caught:
            _run(image, settings.replace(tile=tile))
        assert "\n" not in str(caught.value)


def test_no_memory_for_identification_is_a_device_error(
    image: np.ndarray, settings: DeblurSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starved(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(import_module("napari_deepblur.identification.zernike"), "prepare", starved)
    with pytest.raises(DeviceError, match="Out of memory"):
        _run(image, settings.replace(theta=None))


def test_other_failures_are_not_taken_for_a_lack_of_memory(
    image: np.ndarray, settings: DeblurSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[Tensor]:
        raise RuntimeError("a programming error")

    monkeypatch.setattr(DeblurringNetwork, "iterate", broken)
    with pytest.raises(RuntimeError, match="a programming error"):
        _run(image, settings)


def test_of_a_given_blur_it_is_said_what_the_image_went_through() -> None:
    rng = np.random.default_rng(0)
    family = ZernikeFamily(OPTICS, psf_size=15)
    image = gaussian_filter(rng.uniform(0, 2000, (160, 160)), 2) + rng.normal(0, 5, (160, 160))
    given = {"theta": np.zeros(family.n_parameters), "alpha": 0.0, "beta": 5.0, "method": "wiener"}
    plain = deblur(image.astype(np.float32), family, **given)
    smoothed = deblur(gaussian_filter(image, 1).astype(np.float32), family, **given)
    assert plain.verdict is not None and plain.verdict.suspicions == ()
    assert smoothed.verdict is not None and "smoothed" in smoothed.verdict.words
    assert "smoothed" in " ".join(smoothed.settings["resolved"]["residual"]["suspicions"])
