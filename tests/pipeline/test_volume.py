"""A stack restored as one volume: closer to the truth than its planes were, and what can be wrong with one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur.errors import DeviceError, FamilyError, ImageError, SettingsError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import VolumeOperator
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.pipeline.volume import VolumeDeblurring, run_volume
from napari_deepblur.pipeline.volume_plan import plan_volume
from napari_deepblur.pipeline.volume_survey import check_spacing, nyquist_spacing_um, survey_volume
from napari_deepblur.progress import Progress, finished

MICROSCOPE = Microscope(0.8, 0.5, 0.1, 1.0)
SPACING_UM = 0.4
THETA = (0.0, 0.12)
NOISE = PoissonGaussianNoise(0.5, 2.0, 100.0)


class Stack(NamedTuple):
    observed: NDArray[np.float32]
    truth: NDArray[np.float32]


@pytest.fixture(scope="module")
def stack() -> Stack:
    """Balls in five planes of 40 x 44, in counts above the bias of a camera, behind spherical aberration."""
    rng = np.random.default_rng(0)
    model = psf_planes_model(MICROSCOPE.pupil, (7, 11), 31, 4.0, 6)
    operator = VolumeOperator(psf_planes(torch.tensor(THETA), model), (5, 40, 44), (2, 15, 15))
    z, y, x = np.indices(operator.scene_shape)
    scene = np.full(z.shape, 0.02, np.float32)
    for a, b, c in rng.uniform(size=(60, 3)):
        near = 16 * (z - 8 * a) ** 2 + (y - 70 * b) ** 2 + (x - 74 * c) ** 2 < rng.uniform(2, 5) ** 2
        scene[near] = 1.0
    blurred = operator.forward(torch.from_numpy(scene)).numpy()
    gain = 2000 / blurred.max()
    observed = NOISE.sample(gain * blurred + 100, 1).round().astype(np.uint16)
    return Stack(observed, gain * scene[2:-2, 15:-15, 15:-15])


def settings(**options: Any) -> DeblurSettings:
    values = {"microscope": MICROSCOPE, "modes": (7, 11), "alpha": 0.5, "beta": 2.0, "noise_offset": 100.0}
    return DeblurSettings(**{**values, "method": "richardson-lucy", "device": "cpu", **options})


def restored(stack: Any, **options: Any) -> VolumeDeblurring:
    plan = plan_volume(settings(**options), stack.shape, SPACING_UM)
    return finished(run_volume(plan, stack))


def likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_it_comes_closer_to_the_truth_and_the_known_pupil_closest(stack: Stack) -> None:
    ideal, true = restored(stack.observed), restored(stack.observed, theta=THETA)
    before = likeness(stack.observed, stack.truth)
    found = [likeness(result.volume, stack.truth) for result in (ideal, true)]
    assert found[0] > before + 0.1 and found[1] > found[0] + 0.02
    assert true.volume.shape == stack.observed.shape and true.volume.dtype == np.float32
    assert true.volume.mean() == pytest.approx(stack.truth.mean(), rel=0.3)
    record = true.settings["resolved"]
    assert record["pupil"] == "known" and record["volume"] and 1 <= record["iterations"] <= 60
    assert ideal.settings["resolved"]["pupil"] == "ideal pupil" and not ideal.theta.any()  # type: ignore[union-attr]
    identified = finished(run_volume(plan_volume(settings(), stack.observed.shape, SPACING_UM), stack.observed, THETA))
    np.testing.assert_allclose(identified.volume, true.volume, rtol=1e-3, atol=0.1)


def test_a_measured_psf_is_as_good_as_its_pupil(stack: Stack) -> None:
    model = psf_planes_model(MICROSCOPE.pupil, (7, 11), 31, 4.0, 6)
    psf = 7 * psf_planes(torch.tensor(THETA), model).numpy()
    plan = plan_volume(settings(), stack.observed.shape, SPACING_UM, psf)
    result = finished(run_volume(plan, stack.observed))
    assert likeness(result.volume, stack.truth) > likeness(stack.observed, stack.truth) + 0.1
    assert result.theta is None and result.settings["resolved"]["pupil"] == "measured PSF"


@pytest.mark.parametrize("method", ["total-variation", "wiener", "network"])
def test_every_method_runs_and_helps(stack: Stack, method: str) -> None:
    options = {"iterations": 15} if method == "total-variation" else {}
    result = restored(stack.observed, method=method, theta=THETA, **options)
    assert np.isfinite(result.volume).all()
    assert likeness(result.volume, stack.truth) > likeness(stack.observed, stack.truth) + 0.03


def test_one_and_two_planes_are_restored_and_one_is_doubted(stack: Stack) -> None:
    for count in (1, 2):
        result = restored(stack.observed[:count], theta=THETA, iterations=5)
        assert result.volume.shape == (count, 40, 44) and np.isfinite(result.volume).all()
        assert any("no volume" in note for note in result.settings["resolved"]["notes"]) == (count == 1)


def test_progress_rises_and_closing_stops_it(stack: Stack) -> None:
    plan = plan_volume(settings(iterations=4), stack.observed.shape, SPACING_UM)
    seen: list[Progress] = []
    finished(run_volume(plan, stack.observed), seen.append)
    shares = [step.done / step.total for step in seen]
    assert shares == sorted(shares) and shares[-1] == 1
    steps = run_volume(plan, stack.observed)
    next(steps)
    steps.close()


def test_memory_that_does_not_suffice_is_refused_before_the_run(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_DEEPBLUR_TILE_MEMORY", "0.001")
    with pytest.raises(DeviceError, match=r"5 planes of 40 x 44 pixels needs .* GiB to be used"):
        plan_volume(settings(), stack.observed.shape, SPACING_UM)
    monkeypatch.setenv("NAPARI_DEEPBLUR_TILE_MEMORY", "0.5")
    plan = plan_volume(settings(), (20, 1000, 1000), SPACING_UM)
    assert plan.side is not None and 128 <= plan.side < 1000 and plan.memory_bytes > 2**29


def test_spacings_are_checked() -> None:
    for spacing, words in ((None, "missing"), (0.0, "other than zero"), (float("nan"), "other than zero")):
        with pytest.raises(SettingsError, match=words):
            check_spacing(spacing, MICROSCOPE)
    nyquist = nyquist_spacing_um(MICROSCOPE)
    assert nyquist == pytest.approx(0.5 / (2 * 0.4))
    assert check_spacing(-nyquist, MICROSCOPE) == (-nyquist, ())
    assert "3.0 times Nyquist" in check_spacing(3 * nyquist, MICROSCOPE)[1][0]
    assert "0.01 of Nyquist" in check_spacing(0.01 * nyquist, MICROSCOPE)[1][0]


def test_what_is_wrong_with_a_stack_is_found_and_said() -> None:
    rng = np.random.default_rng(1)
    drift = rng.uniform(size=(8, 40, 40)).cumsum(0) + 3
    clean = survey_volume(drift.astype(np.float32))
    assert clean.mask is None and clean.notes == ()
    empty = drift.copy()
    empty[3] = 0
    found = survey_volume(empty)
    assert found.mask is not None and not found.mask[3].any() and found.mask[2].all() and "planes" in found.notes[0]
    # Counted from zero, as by the sliders of napari, and by all that is said of planes and frames.
    assert found.notes[0].endswith(": 3.")
    counts = (1000 * drift).clip(0, 6000).astype(np.uint16)
    found = survey_volume(counts)
    assert found.mask is not None and (found.mask == (counts < 6000)).all() and "saturated" in found.notes[0]
    scrambled = survey_volume(drift[[0, 4, 1, 5, 2, 6, 3, 7]].astype(np.float32))
    assert "in order?" in scrambled.notes[-1]
    same = survey_volume(drift[:1].repeat(6, 0) + 1e-3 * drift[:6])
    assert "over time" in same.notes[-1]
    for bad, words in ((drift[0], "planes, rows"), (0 * drift, "empty"), (drift * np.inf, "NaN")):
        with pytest.raises(ImageError, match=words):
            survey_volume(bad)


def test_bleaching_is_undone_where_all_planes_see_all_light() -> None:
    rng = np.random.default_rng(2)
    steady = rng.uniform(size=(1, 40, 40)) + 0.3 * rng.uniform(size=(10, 40, 40))
    steady -= steady.min()
    bleached = steady * np.exp(-0.08 * np.arange(10))[:, None, None]
    found = survey_volume(bleached)
    assert "falls by 5" in found.notes[0] and np.ptp(found.volume.mean((1, 2))) < 0.05 * found.volume.mean()
    assert survey_volume(bleached, wide_field=False).notes == ()


def test_blurs_without_planes_are_refused() -> None:
    with pytest.raises(FamilyError, match="plane by plane"):
        plan_volume(settings(family="field-zernike"), (5, 60, 60), SPACING_UM)
    with pytest.raises(FamilyError, match="odd"):
        plan_volume(settings(), (5, 60, 60), SPACING_UM, np.ones((4, 5, 5)))
    with pytest.raises(SettingsError, match="network"):
        plan_volume(settings(method="network"), (5, 60, 60), SPACING_UM, np.ones((3, 5, 5)))


def test_the_verdict_tells_the_pupil_of_the_stack_from_another(stack: Stack) -> None:
    right, wrong = (restored(stack.observed, theta=theta).verdict for theta in (THETA, (0.25, -0.25)))
    assert right is not None and wrong is not None
    assert right.light != "red" and right.excess is not None and right.excess < 2, right
    assert wrong.light == "red" and wrong.structure > 2 * right.structure, (right, wrong)


def test_total_variation_explains_the_stack(stack: Stack) -> None:
    """From a start far away it had not: sixty iterations left twenty times the noise."""
    found = restored(stack.observed, theta=THETA, method="total-variation")
    assert found.verdict is not None and found.verdict.excess is not None and found.verdict.excess < 4
    simple = restored(stack.observed, theta=THETA, iterations=25, strength=0.0)
    assert likeness(found.volume, stack.truth) > likeness(simple.volume, stack.truth) - 0.02
