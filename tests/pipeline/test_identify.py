"""Blind identification: laws with an untrained network, and a floor of quality with the one in the package."""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepblur.errors import DeviceError, FamilyError, ImageError, NoiseError, WeightsError
from napari_deepblur.identification.resampling import resample
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.weights import load_identification
from napari_deepblur.networks.identification import Given, IdentificationNetwork
from napari_deepblur.networks.statistics import prepare
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope, psf_snr
from napari_deepblur.pipeline import identify, identify_steps
from napari_deepblur.progress import Progress, finished
from napari_deepblur.training.scenes.dead_leaves import dead_leaves
from napari_deepblur.training.scenes.spots import spots

module = import_module("napari_deepblur.identification.zernike")

CPU = torch.device("cpu")
QUIET = PoissonGaussianNoise(0.0, 2.0)


def _run(steps: Generator[Progress, None, Identification]) -> tuple[list[Progress], Identification]:
    reports: list[Progress] = []
    found = finished(steps, reports.append)
    return reports, found


@pytest.mark.usefixtures("weights_folder")
def test_the_answer_is_complete_and_consistent(image: np.ndarray, family: ZernikeFamily) -> None:
    found = identify(image, family, QUIET, device="cpu")
    assert found.theta.shape == found.theta_std.shape == found.even_modes.shape == (8,)
    assert (found.theta_std > 0).all()
    assert np.abs(found.theta).max() < 2 * family.box
    assert found.parameter_names == family.parameter_names
    assert found.noise == QUIET
    np.testing.assert_array_equal(found.points, [[47.5, 39.5]])
    assert found.psfs.shape == (1, 31, 31)
    assert found.psf.sum() == pytest.approx(1, abs=0.01)
    assert found.psf.min() >= 0


@pytest.mark.usefixtures("weights_folder")
def test_units_do_not_matter(image: np.ndarray, family: ZernikeFamily) -> None:
    noise = PoissonGaussianNoise(0.4, 2.0, 80.0)
    found = identify(image, family, noise, device="cpu")
    other = identify(4 * image - 300, family, noise.rescaled(4, -300), device="cpu")
    np.testing.assert_allclose(other.theta, found.theta, atol=1e-3)
    np.testing.assert_allclose(other.psf, found.psf, atol=1e-3 * found.psf.max())


@pytest.mark.usefixtures("weights_folder")
def test_progress_is_known_from_the_start(
    image: np.ndarray, family: ZernikeFamily, network: IdentificationNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AREA_SIDE", 80)
    large = np.pad(image, [(0, 80), (0, 80)], mode="symmetric")
    reports, _ = _run(identify_steps(large, family, QUIET, CPU, network))
    assert {report.total for report in reports} == {reports[0].total}
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, reports[0].total)
    # Two by two areas.
    assert len(reports) >= 2 + 4 + 1


def test_closing_stops_the_work(
    image: np.ndarray, family: ZernikeFamily, network: IdentificationNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "posterior_steps", lambda *_, **__: pytest.fail("went on"))
    steps = identify_steps(image, family, QUIET, CPU, network)
    assert [next(steps).done for _ in range(3)] == [0, 1, 2]
    steps.close()
    assert list(steps) == []
    assert not torch.is_inference_mode_enabled()


def test_evidence_is_pooled_over_areas(network: IdentificationNetwork) -> None:
    """Four areas that look the same say together what each says alone; two that differ say what lies between."""
    one, other = torch.rand(2, 1, 1, 96, 96)
    given = Given(torch.tensor([[0.0, 0.01]]), torch.full((1, 12), 0.15), torch.ones(1, 1), torch.full((1, 1), 0.9))
    views = prepare(one)
    single = network.gather(views.pixels)
    pooled = single.plus(single).plus(single).plus(single)
    alone, together = (network.decide(evidence, views, given) for evidence in (single, pooled))
    torch.testing.assert_close(alone.theta, together.theta, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(alone.candidates, together.candidates, atol=1e-6, rtol=1e-4)
    second = network.gather(prepare(other).pixels)
    both = single.plus(second)
    mean = 0.5 * (single.periodogram / single.counts[0] + second.periodogram / second.counts[0])
    torch.testing.assert_close(both.periodogram / both.counts[0], mean)


@pytest.mark.usefixtures("weights_folder")
def test_images_smaller_than_a_window_are_identified_too(image: np.ndarray, family: ZernikeFamily) -> None:
    for shown in (image[:33, :50], image[:31, :31], image[:32]):
        found = identify(shown, family, QUIET, device="cpu")
        for values in (found.theta, found.theta_std, found.psf):
            assert np.isfinite(values).all()


def test_unknown_modes_are_named(image: np.ndarray, network: IdentificationNetwork) -> None:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09), modes=(4, 15, 16, 22))
    with pytest.raises(FamilyError, match=r"knows Noll modes 4, 5, .*also has 16, 22"):
        next(identify_steps(image, family, QUIET, CPU, network))


@pytest.mark.usefixtures("weights_folder")
def test_fewer_modes_in_any_order_are_welcome(image: np.ndarray) -> None:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09), modes=(8, 4))
    found = identify(image, family, QUIET, device="cpu")
    assert found.theta.shape == (2,)
    assert found.even_modes.tolist() == [False, True]


@pytest.mark.usefixtures("weights_folder")
def test_wrong_arguments_are_diagnosed(image: np.ndarray, family: ZernikeFamily, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="expected at least 31"):
        identify(image[:20, :20], family)
    with pytest.raises(ImageError, match="same value"):
        identify(np.full((64, 64), 3), family)
    with pytest.raises(DeviceError, match="abacus"):
        identify(image, family, device="abacus")
    with pytest.raises(WeightsError, match="absent"):
        identify(image, family, device="cpu", weights=tmp_path / "absent")
    with pytest.raises(NoiseError):
        # Too small to estimate the noise from.
        identify(image[:31, :31], family, device="cpu")


SHIPPED = str(files("napari_deepblur") / "weights" / "identification-light.safetensors")

EXAMPLES: list[tuple[Any, int, tuple[float, ...]]] = [
    (spots, 0, (0.09, -0.05, 0.04, 0.06, -0.08, 0.03, 0.05, -0.04)),
    (dead_leaves, 1, (0.05, 0.08, -0.06, -0.04, 0.07, -0.05, 0.02, 0.06)),
    (dead_leaves, 2, (0.12, 0.02, 0.03, -0.07, 0.02, 0.06, -0.06, 0.03)),
]


def _blurred(family: ZernikeFamily, theta: tuple[float, ...], example: int, side: int) -> np.ndarray:
    maker, seed, _ = EXAMPLES[example]
    full = side + family.psf_size - 1
    scene = maker(1, full, torch.Generator().manual_seed(seed), CPU)[0].numpy()
    return family.operator(theta, (side, side)).forward(scene)


def test_clean_images_are_identified_with_the_weights_in_the_package() -> None:
    """The mean PSF is at 5 to 6.5 dB, and an error of 0.03 waves in each mode at 8.6 to 10."""
    network = load_identification(SHIPPED)
    family = ZernikeFamily(Microscope(pixel_size_um=0.0957))
    values = []
    for example, (_, _, theta) in enumerate(EXAMPLES):
        image = _blurred(family, theta, example, 320)
        _, found = _run(identify_steps(image, family, PoissonGaussianNoise(0.0, 1e-4), CPU, network))
        true = torch.from_numpy(family.psf(theta))
        values.append(psf_snr(true, torch.from_numpy(found.psf)).item())
        error = np.minimum(
            np.abs(found.theta - theta), np.abs(np.where(family.even_modes, -found.theta, found.theta) - theta)
        )
        assert error.max() < 0.1, values
    assert np.median(values) > 22, values
    assert min(values) > 10, values


def test_the_sampling_of_the_camera_does_not_matter() -> None:
    """The same field at half the pixel size, simulated finely, gives the same coefficients and the same PSF."""
    network = load_identification(SHIPPED)
    with pytest.warns(UserWarning, match="Under-sampled"):
        coarse = ZernikeFamily(Microscope())
    fine = ZernikeFamily(Microscope(pixel_size_um=0.05), psf_size=63)
    assert (coarse.microscope.cutoff, fine.microscope.cutoff) == pytest.approx((0.261, 0.1306), abs=1e-3)
    assert coarse.microscope.cutoff == pytest.approx(reference_cutoff())
    noise = PoissonGaussianNoise(0.0, 1e-3)
    sharp = _blurred(fine, EXAMPLES[1][2], 1, 448)
    small, level = resample(sharp, noise, 0.5)
    (_, first), (_, second) = (
        _run(identify_steps(image, family, known, CPU, network))
        for image, family, known in ((sharp, fine, noise), (small, coarse, level))
    )
    np.testing.assert_allclose(first.theta, second.theta, atol=0.01)
    # One pixel of the coarse PSF holds four of the fine one.
    finely = first.psf[31 - 14 : 31 + 15, 31 - 14 : 31 + 15]
    assert np.corrcoef(4 * finely[::2, ::2].ravel(), second.psf[8:-8, 8:-8].ravel())[0, 1] > 0.98
