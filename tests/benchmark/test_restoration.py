"""Blurs, scores, tuning and the table of restored images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.command.deblurring import METHODS
from benchmarks.identification.identified import Identifier
from benchmarks.reports import figures
from benchmarks.reports.report import Origin
from benchmarks.restoration import deblurring, tuning
from benchmarks.restoration.blurs import AVERAGE, ESTIMATED, TRUE, Observed, average_blur, nearest_shift, observe
from benchmarks.restoration.deblurring import Task, recovered_share, run_deblurring
from benchmarks.restoration.restored import restore, restore_at, score
from benchmarks.restoration.tuning import tune
from benchmarks.simulation.images import blur_and_spoil, draw_test_scenes, paper_family
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.restorers import NetworkRestorer, SolverRestorer

CPU = torch.device("cpu")
NOISE = PoissonGaussianNoise(0, 0.01)


@pytest.fixture(scope="module")
def example(folder: Path) -> Observed:
    """Blur one image, with little noise, and offer its true PSF and the mean PSF."""
    family = paper_family()
    scene = draw_test_scenes(folder, 1, 126, 2).pixels
    batch = blur_and_spoil(scene, family.sample(1, 3), family, (0.0, 0.01), 0)
    blurs = {TRUE: ConvolutionBlur(batch.psf[0]), AVERAGE: average_blur(family)}
    sharp = batch.scene[0, 0, 15:-15, 15:-15].numpy()
    return Observed(batch.image[0, 0].numpy(), sharp, batch.psf[0], NOISE, blurs, dict.fromkeys(blurs, 0.0))


def test_scores_of_known_errors() -> None:
    sharp = np.random.default_rng(0).uniform(size=(40, 40)).astype(np.float32)
    assert score(sharp, sharp).ssim == pytest.approx(1) and score(sharp, sharp).psnr == pytest.approx(120)
    shifted = score(sharp + np.float32(0.1), sharp)
    assert shifted.psnr == pytest.approx(20, abs=1e-3) and shifted.ssim < 1
    assert score(1 - sharp, sharp).ssim < 0


def test_a_single_run_gives_the_result_of_each_number_of_iterations(example: Observed) -> None:
    runs = restore_at(example.image, example.blurs[TRUE], NOISE, SolverRestorer("richardson-lucy", 9), CPU, (3, 9))
    for count, found in runs.items():
        restorer = SolverRestorer("richardson-lucy", count)
        alone, seconds = restore(example.image, example.blurs[TRUE], NOISE, restorer, CPU)
        np.testing.assert_allclose(found, alone, atol=1e-5)
        assert seconds > 0
    assert np.abs(runs[3] - runs[9]).max() > 1e-3


def test_what_converges_early_returns_its_last_result(example: Observed) -> None:
    solver = SolverRestorer("wiener", 400, 100.0)
    runs = restore_at(example.image, example.blurs[TRUE], NOISE, solver, CPU, (300, 400))
    np.testing.assert_array_equal(runs[300], runs[400])


def test_restored_with_the_true_blur_is_better(example: Observed) -> None:
    restored = {
        kind: score(restore(example.image, blur, NOISE, SolverRestorer("total-variation"), CPU)[0], example.sharp).ssim
        for kind, blur in example.blurs.items()
    }
    assert restored[TRUE] > restored[AVERAGE] and restored[TRUE] > score(example.image, example.sharp).ssim + 0.05


def test_results_keep_the_units_of_the_image(example: Observed) -> None:
    solver = SolverRestorer("wiener", 30)
    unit, _ = restore(example.image, example.blurs[TRUE], NOISE, solver, CPU)
    counts, _ = restore(1000 * example.image + 100, example.blurs[TRUE], NOISE.rescaled(1000, 100), solver, CPU)
    np.testing.assert_allclose(counts, 1000 * unit + 100, atol=3)


def test_the_shift_of_a_blind_kernel_is_taken_out() -> None:
    family = paper_family()
    true = family.psf_tensor(torch.from_numpy(family.sample(1, 1)[0]))
    moved = 3 * torch.roll(true, (2, -4), (0, 1))
    found = nearest_shift(moved, true)
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    assert ((found - true).square().sum() / true.square().sum()).item() < 0.02
    torch.testing.assert_close(nearest_shift(true, true), true / true.sum())


def test_the_mean_psf_comes_with_its_own_error() -> None:
    # Relative to the energy of the mean PSF, which is smaller than that of each PSF.
    blur = average_blur(paper_family())
    assert 0.3 < blur.spread < 2


def test_tuning_finds_the_best_of_the_grid(example: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tuning.STRENGTHS, "wiener", (0.01, 1.0, 1e3, 1e6))
    monkeypatch.setitem(tuning.ITERATIONS, "wiener", (5, 50))
    choice = tune("wiener", TRUE, [example], CPU)
    assert choice.strength == 1.0
    restored, _ = restore(example.image, example.blurs[TRUE], NOISE, choice.restorer(), CPU)
    assert score(restored, example.sharp).ssim == pytest.approx(choice.ssim, abs=1e-3)
    for count in (5, 50):
        for strength in (0.01, 1.0, 1e3, 1e6):
            other, _ = restore(
                example.image, example.blurs[TRUE], NOISE, SolverRestorer("wiener", count, strength), CPU
            )
            assert score(other, example.sharp).ssim <= choice.ssim + 1e-4


def test_the_recovered_share() -> None:
    assert recovered_share(0.85, 0.9, 0.8) == pytest.approx(0.5)
    assert recovered_share(0.78, 0.9, 0.8) == pytest.approx(-0.2)
    assert recovered_share(0.85, 0.801, 0.8) is None


def test_blurs_of_every_kind_are_observed(
    folder: Path, identifier: Identifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = identifier.family
    module = "benchmarks.restoration.blurs"
    delta = np.zeros((31, 31))
    delta[15, 17] = 2
    monkeypatch.setattr(f"{module}.blind_methods", lambda: {"a delta": lambda image, size, noise: delta})
    batch = blur_and_spoil(draw_test_scenes(folder, 2, 126, 2).pixels, family.sample(2, 3), family, (0, 0.05), 0)
    one, other = observe(batch, identifier, "Blurs")
    assert set(one.blurs) == {ESTIMATED, TRUE, AVERAGE, "a delta"} == set(one.seconds)
    assert one.image.shape == one.sharp.shape == (96, 96) and not np.array_equal(one.image, other.image)
    assert one.noise.beta == pytest.approx(0.05, rel=0.15)
    assert one.blurs[TRUE].spread == 0 and one.blurs[ESTIMATED].spread > 0
    assert torch.equal(one.blurs[TRUE].psf, batch.psf[0])
    assert one.blurs["a delta"].psf.sum().item() == pytest.approx(1)


def test_the_table(
    folder: Path,
    identifier: Identifier,
    network: NetworkRestorer,
    origin: Origin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deblurring, "blind_methods", dict)
    monkeypatch.setattr("benchmarks.restoration.blurs.blind_methods", dict)
    for name in list(tuning.STRENGTHS):
        monkeypatch.setitem(tuning.STRENGTHS, name, (0.1,))
        monkeypatch.setitem(tuning.ITERATIONS, name, (5,))
    report = run_deblurring(Task(folder, identifier, network, 2, 1, 0, 96), origin, ("none", "high"))
    rows = {(row["noise"], row["method"]): row for row in report.rows}
    assert len(rows) == 2 * (1 + 3 + 9)
    for level in ("none", "high"):
        assert rows[level, "blurred image"]["SSIM gain"] == 0
        assert rows[level, "network, true operator"]["PSF SNR (dB)"] is None
        estimated, average = rows[level, "network, estimated operator"], rows[level, "wiener, mean PSF"]
        assert estimated["PSF SNR (dB)"] == rows[level, "wiener, estimated operator"]["PSF SNR (dB)"]
        assert average["PSF SNR (dB)"] == rows["none", "network, mean PSF"]["PSF SNR (dB)"]
    assert rows["none", "blurred image"]["SSIM"] > rows["high", "blurred image"]["SSIM"]  # type: ignore[operator]
    assert set(report.details["recovered_share"]) == {"none", "high"}
    assert len(report.details["tuned"]["none"]) == 9
    figures.draw_bars(tmp_path / "bars.png", report.rows, "method", "SSIM", "SSIM", reference="network, mean PSF")
    assert (tmp_path / "bars.png").stat().st_size > 5_000
    assert set(METHODS) == {*tuning.STRENGTHS, deblurring.BLIND}
    fewer = run_deblurring(Task(folder, identifier, network, 1, 1, 0, 96), origin, ("none",), ("wiener",))
    assert [str(row["method"]).split(",")[0] for row in fewer.rows] == [
        "blurred image",
        *3 * ["network"],
        *3 * ["wiener"],
    ]
