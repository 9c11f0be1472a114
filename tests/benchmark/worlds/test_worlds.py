"""The tables of the benchmark of worlds, with an identification that is known."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.command import worlds as command
from benchmarks.reports.report import Origin
from benchmarks.simulation.camera import expose
from benchmarks.simulation.field_sample import field_sample
from benchmarks.simulation.images import blur_and_spoil, draw_test_scenes, paper_family
from benchmarks.simulation.worlds import World, light_world, thick_world
from benchmarks.worlds import estimates, light, restored, thick, truth
from benchmarks.worlds.estimates import Machine, coverage, joined
from benchmarks.worlds.light import Task, run_amplitude, run_light
from benchmarks.worlds.thick import correlation, run_thick
from benchmarks.worlds.truth import FIELD, run_truth
from napari_deepblur import Identification, PoissonGaussianNoise
from napari_deepblur.errors import FamilyError, SettingsError
from napari_deepblur.operators import ZernikeFamily

SIDE = 64


def known(family: ZernikeFamily, theta: Any, std: float = 0.01) -> Identification:
    """Return an identification of these coefficients."""
    return Identification(
        theta=np.asarray(theta, np.float32),
        theta_std=np.full(len(theta), std, np.float32),
        psfs=family.psf(theta)[None],
        psf_spread=np.zeros(1, np.float32),
        points=np.zeros((1, 2), np.float32),
        noise=PoissonGaussianNoise(0.0, 0.01),
        parameter_names=family.parameter_names,
        even_modes=family.even_modes,
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[ZernikeFamily]:
    """Let `identify` answer that there are no aberrations, and note the families that it was given."""
    families: list[ZernikeFamily] = []

    def answer(image: Any, family: ZernikeFamily, **_: Any) -> Identification:
        families.append(family)
        return known(family, np.zeros(family.n_parameters))

    monkeypatch.setattr(estimates, "identify", answer)
    return families


def task(folder: Path, *noises: str) -> Task:
    return Task(folder, 2, 3, noises, 1, SIDE, Machine())


def test_gaussian_errors_are_covered_as_gaussian_errors_are() -> None:
    generator = torch.Generator().manual_seed(0)
    std = 0.005 + 0.02 * torch.rand(4000, 7, generator=generator)
    error = std * torch.randn(4000, 7, generator=generator)
    cells = coverage(error, std)
    assert cells["within one std (%)"] == pytest.approx(68.3, abs=1)
    assert cells["within two std (%)"] == pytest.approx(95.4, abs=0.5)
    assert cells["RMS error (waves)"] == pytest.approx(cells["RMS std (waves)"], rel=0.02)


def test_the_right_answer_with_the_other_sign_has_no_error() -> None:
    family = light_world("water").truth
    theta = light_world("water").draw(2, 3)
    flipped = np.where(family.even_modes, -theta, theta)
    psfs = family.psf_tensor(torch.from_numpy(theta))
    found = [known(family, waves) for waves in flipped]
    compared = estimates.compared(found, psfs, torch.from_numpy(theta), torch.ones(2))
    torch.testing.assert_close(compared.error, torch.zeros(2, 7), atol=1e-6, rtol=0)
    assert (compared.snr > 50).all()
    assert joined([compared, compared]).snr.shape == (4,)


def test_the_camera_makes_what_other_benchmarks_see(folder: Path) -> None:
    family = paper_family()
    scenes, theta = draw_test_scenes(folder, 2, SIDE + 30, 0).pixels, family.sample(2, 1)
    batch = blur_and_spoil(scenes, theta, family, (0.001, 0.003), 4)
    exposed = expose(scenes, batch.psf, (0.001, 0.003), torch.Generator().manual_seed(4))
    assert torch.equal(exposed.image, batch.image)
    assert torch.equal(exposed.sharp, batch.scene[..., 15:-15, 15:-15])


def test_light_has_a_row_for_each_world_and_noise(folder: Path, origin: Origin, told: list[ZernikeFamily]) -> None:
    report = run_light(task(folder, "none", "1e4"), origin, ("oil", "scalar"), name="-x")
    assert [(row["world"], row["noise"]) for row in report.rows] == [
        (world, noise) for world in ("NA 1.41 oil", "scalar light, NA 1.41 oil") for noise in ("none", "1e4")
    ]
    assert report.name == "worlds-light-x"
    assert len(told) == 2 * 2 * 2 * 3 and {family.max_amplitude for family in told} == {0.15}
    assert [family.microscope.light for family in told[::12]] == ["vectorial", "scalar"]
    # The answer is always the same: its score does not depend on the noise. The RMS of +-0.15 is 0.087.
    assert report.rows[0]["PSF SNR (dB)"] == report.rows[1]["PSF SNR (dB)"]
    assert report.rows[0]["RMS error (waves)"] == pytest.approx(0.087, rel=0.3)
    assert report.rows[0]["RMS std (waves)"] == pytest.approx(0.01)
    mean = float(report.rows[0]["mean PSF (dB)"] or 0)
    assert mean == pytest.approx(5.3, abs=1.5)
    assert len(report.details["snr_db"]["oil, none"]) == 6


def test_an_amplitude_that_a_family_does_not_know_is_the_familys_error(folder: Path, origin: Origin) -> None:
    world = light_world("oil")
    try:
        family = world.assumed("auto")
    except FamilyError as error:
        assert "auto" in str(error)
        with pytest.raises(FamilyError):
            run_light(task(folder, "none"), origin, ("oil",), "auto")
    else:
        assert family.modes == world.truth.modes


def test_amplitudes_are_stated_and_not_stated(folder: Path, origin: Origin, told: list[ZernikeFamily]) -> None:
    report = run_amplitude(task(folder, "high"), origin, (0.05, 0.25))
    assert [row["amplitude (waves)"] for row in report.rows] == [0.05, 0.25]
    default = ZernikeFamily(told[0].microscope, told[0].modes).max_amplitude
    assert [family.max_amplitude for family in told] == [default] * 2 + [0.05] * 2 + [default] * 2 + [0.25] * 2
    small, large = report.rows
    # No aberrations is nearly right for small ones. Errors grow with the amplitude.
    assert float(small["nothing stated: PSF SNR (dB)"] or 0) > float(large["nothing stated: PSF SNR (dB)"] or 0) + 5
    assert float(large["RMS error (waves)"] or 0) == pytest.approx(5 * float(small["RMS error (waves)"] or 0), rel=1e-3)
    assert small["mean PSF (dB)"] != large["mean PSF (dB)"]


@pytest.fixture
def perfect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every method of restoration return the image; the blur is the right one."""

    def answer(image: Any, family: ZernikeFamily, theta: Any, world: World, machine: Any) -> Any:
        return known(world.truth, theta), dict.fromkeys(restored.METHODS, image)

    monkeypatch.setattr(thick, "restore_everyhow", answer)
    monkeypatch.setattr(truth, "restore_everyhow", answer)


@pytest.mark.usefixtures("perfect")
def test_thick_specimens_have_a_row_for_each_kind_and_thickness(origin: Origin) -> None:
    report = run_thick(2, ("medium",), 3, Machine(), origin, ("nuclei", "spots"), (1, 5), SIDE)
    assert [(row["specimen"], row["um"]) for row in report.rows] == [
        (kind, um) for kind in ("nuclei", "spots") for um in (0.25, 1.25)
    ]
    for thin, deep in (report.rows[:2], report.rows[2:]):
        assert thin["out of focus (%)"] == pytest.approx(0, abs=1e-6)
        assert 40 < float(deep["out of focus (%)"] or 0) < 99
        # Light from elsewhere hides the plane in focus.
        assert float(deep["r image"] or 0) < float(thin["r image"] or 0)
    assert report.rows[0]["gain"] == 0 and float(report.rows[0]["PSF SNR (dB)"] or 0) > 50
    assert report.rows[0]["within one std (%)"] == 100


def test_thin_specimens_are_the_middle_of_thick_ones() -> None:
    world = thick_world()
    theta = np.zeros(8, np.float32)
    thin, deep = (thick.observe(world, "filaments", n, theta, "none", 2, SIDE, 5) for n in (1, 5))
    assert correlation(thin.sharp, deep.sharp) == pytest.approx(1, abs=1e-6)
    assert correlation(thin.image, thin.sharp) > correlation(deep.image, deep.sharp)


@pytest.mark.usefixtures("perfect")
def test_truth_has_a_row_for_each_noise_and_method(folder: Path, origin: Origin) -> None:
    report = run_truth(task(folder, "none", "high"), origin, ("oil",), with_field=False)
    assert [row["sample"] for row in report.rows[:: len(restored.METHODS)]] == [
        "NA 1.41 oil, none",
        "NA 1.41 oil, high",
    ]
    assert [row["method"] for row in report.rows[: len(restored.METHODS)]] == list(restored.METHODS)
    # A blurred image lacks power where its blur took it away; in high noise it has the noise's instead.
    clean, noisy = report.rows[0], report.rows[len(restored.METHODS)]
    assert float(clean["worst ratio"] or 0) < 1 < float(noisy["worst image"] or 0)
    ratios = report.details["NA 1.41 oil, none"][restored.BLIND]["ratio"]
    assert np.shape(ratios) == (2, 8) and 0.5 < ratios[0][0] < 1.2


def test_correlation_is_pearsons() -> None:
    a, b = np.random.default_rng(0).normal(5, 1, (2, 30, 30)).astype(np.float32)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-6)
    assert correlation(a, 3 - 2 * a) == pytest.approx(-1, abs=1e-6)


def test_the_field_sample_is_the_one_in_naparis_menu() -> None:
    samples = pytest.importorskip("napari_deepblur.widgets.samples")
    (sharp, *_), (image, *_) = samples.load_field()
    sample = field_sample()
    np.testing.assert_array_equal(sample.image, image)
    np.testing.assert_array_equal(sample.sharp, sharp)


def test_every_method_restores_one_image(folder: Path) -> None:
    world = light_world("water")
    family = world.truth
    scene = draw_test_scenes(folder, 1, 96 + family.psf_size - 1, 0).pixels
    theta = world.draw(1, 1)
    psf = family.psf_tensor(torch.from_numpy(theta))
    exposed = expose(scene, psf, (0.001, 0.003), torch.Generator().manual_seed(1))
    found, images = restored.restore_everyhow(exposed.image[0, 0].numpy(), family, theta[0], world, Machine())
    assert tuple(images) == restored.METHODS and found.psf.shape == (family.psf_size,) * 2
    sharp = exposed.sharp[0, 0].numpy()
    errors = {name: float(np.mean((image - sharp) ** 2)) for name, image in images.items()}
    assert errors[restored.TRUE] < errors[restored.BLURRED]
    assert all(np.isfinite(image).all() and image.shape == (96, 96) for image in images.values())


def arguments(tmp_path: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_to(parser.add_subparsers())
    return parser.parse_args(["worlds", "--output", str(tmp_path), "--device", "cpu", "--quiet", *words])


def test_the_command_writes_a_table_for_each_choice(
    folder: Path, tmp_path: Path, told: list[ZernikeFamily], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = "--part light --images 1 --kernels 2 --noise none high --world water --side 64".split()
    command.run(arguments(tmp_path, "--data", str(folder), *chosen))
    text = (tmp_path / "worlds-light-none-high-water.md").read_text()
    assert "--kernels 2" in text and str(folder) not in text and "FOLDER" in text
    assert text.count("| NA 1.2 water |") == 2
    assert (tmp_path / "worlds-light-none-high-water.json").exists()


@pytest.mark.usefixtures("perfect")
def test_thick_needs_no_folder_and_everything_else_does(tmp_path: Path) -> None:
    command.run(arguments(tmp_path, *"--part thick --images 1 --specimen spots --side 64".split()))
    assert "| spots | 6.250 |" in (tmp_path / "worlds-thick-spots.md").read_text()
    with pytest.raises(SettingsError, match="--data"):
        command.run(arguments(tmp_path, "--part", "truth"))
    with pytest.raises(SettingsError, match="64 pixels"):
        command.run(arguments(tmp_path, *"--part thick --side 20".split()))


@pytest.mark.parametrize("part", command.PARTS)
def test_every_part_has_a_runner(part: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def stub(name: str, module: Any) -> None:
        original: Callable[..., Any] = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, **k: called.append(original.__name__))

    for module, name in ((light, "run_light"), (light, "run_amplitude"), (thick, "run_thick"), (truth, "run_truth")):
        stub(name, module)
    monkeypatch.setattr(command, "finish", lambda *_: None)
    command.run(arguments(tmp_path, "--data", str(folder), "--part", part))
    assert called == [f"run_{part}"]


def test_the_field_sample_is_among_the_samples(monkeypatch: pytest.MonkeyPatch, folder: Path, origin: Origin) -> None:
    monkeypatch.setattr(truth, "rings_of_field", lambda _: {})
    report = run_truth(task(folder), origin, ("oil",))
    assert report.rows == () and FIELD in report.details
