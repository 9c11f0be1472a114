"""Identification of many images: map, sweeps and calibration, with an untrained network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.identification import sweeps
from benchmarks.identification.calibration import error_modulo_sign, measure_calibration
from benchmarks.identification.identification_map import compute_map, report_map
from benchmarks.identification.identified import Identifier, identify_images, mean_family_psf, snr_of_one
from benchmarks.identification.sweeps import Sweep
from benchmarks.reports import figures
from benchmarks.reports.report import Origin
from benchmarks.simulation.images import blur_and_spoil, centre, draw_test_scenes, paper_family
from napari_deepblur.optics import psf_snr

SIDE = 96
EVEN = torch.tensor([True, True, True, False, False])


def test_the_mean_psf_scores_what_it_is_known_to_score() -> None:
    family = paper_family()
    true = family.psf_tensor(torch.from_numpy(family.sample(300, 8)))
    mean = mean_family_psf(family)
    assert mean.sum().item() == pytest.approx(1, abs=1e-4)
    assert snr_of_one(true, mean).mean().item() == pytest.approx(4.3, abs=0.3)
    # A smaller box has PSFs that are closer to their mean.
    narrow = family.psf_tensor(torch.from_numpy(family.sample(300, 8)) / 3)
    assert snr_of_one(narrow, mean_family_psf(family, 0.05)).mean() > 12


def test_the_map_holds_every_pair(folder: Path, identifier: Identifier, origin: Origin, tmp_path: Path) -> None:
    found = compute_map(folder, identifier, "none", 2, 3, 5, SIDE)
    assert found.snr.shape == found.network_snr.shape == (2, 3) and found.ignorant_snr.shape == (3,)
    for case in found.cases:
        assert case.image.shape == (SIDE, SIDE) and case.snr in found.snr
        snr = psf_snr(torch.from_numpy(case.true), torch.from_numpy(case.estimated))
        assert float(snr) == pytest.approx(case.snr, abs=1e-3)
    report = report_map(found, "none", origin, 1.0)
    rows = {row["method"]: row for row in report.rows}
    assert rows["identify"]["mean (dB)"] == pytest.approx(found.snr.mean())
    assert rows["mean PSF"]["mean (dB)"] == pytest.approx(found.ignorant_snr.mean(), rel=1e-5)
    assert rows["the paper (as published)"]["mean (dB)"] == 12.9
    figures.draw_map(tmp_path / "map.png", found, "Map")
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_the_network_alone_has_no_spectral_fit(folder: Path, identifier: Identifier) -> None:
    scenes = draw_test_scenes(folder, 2, SIDE + 30, 3).pixels
    theta = identifier.family.sample(2, 1)
    batch = blur_and_spoil(scenes, theta, identifier.family, (0.0, 0.0), 0)
    found = identify_images(batch.image, identifier, with_network_alone=True)
    assert found.network_psf is not None
    torch.testing.assert_close(found.network_psf.sum((-2, -1)), torch.ones(2), atol=1e-4, rtol=0)
    assert found.psf.shape == found.network_psf.shape == (2, 31, 31)
    # Without noise the fit has all the weight.
    assert (psf_snr(found.psf, found.network_psf) < 25).all()
    assert (found.seconds > 0).all() and found.theta.shape == found.theta_std.shape == (2, 7)


def sweep(folder: Path, identifier: Identifier) -> Sweep:
    return Sweep(folder, identifier, 2, 1)


def test_sweeps_have_a_row_for_each_point(folder: Path, identifier: Identifier, origin: Origin, tmp_path: Path) -> None:
    task = sweep(folder, identifier)
    noise = sweeps.sweep_noise(task, origin, (0.0, 0.05), SIDE)
    assert [row["beta"] for row in noise.rows] == [0.0, 0.05]
    # The PSFs are the same at every point.
    assert noise.rows[0]["mean PSF (dB)"] == noise.rows[1]["mean PSF (dB)"]
    assert noise.rows[0]["identify (dB)"] != noise.rows[1]["identify (dB)"]
    amplitude = sweeps.sweep_amplitude(task, origin, ("none", "high"), (0.05, 0.2), SIDE)
    assert [(row["noise"], row["amplitude (waves)"]) for row in amplitude.rows] == [
        (level, value) for level in ("none", "high") for value in (0.05, 0.2)
    ]
    assert float(amplitude.rows[0]["mean PSF (dB)"] or 0) > float(amplitude.rows[1]["mean PSF (dB)"] or 0) + 5
    cutoff = sweeps.sweep_cutoff(task, origin, ("none",), (0.15, 0.2611), SIDE)
    assert [row["PSF size"] for row in cutoff.rows] == [55, 31]
    line = {"identify (dB)": "identify", "mean PSF (dB)": "mean PSF"}
    figures.draw_curves(tmp_path / "a.png", amplitude.rows, "amplitude (waves)", line, amplitude.title, "dB")
    assert (tmp_path / "a.png").stat().st_size > 5_000


def test_fields_of_all_sizes_are_middles_of_the_same_images(
    folder: Path, identifier: Identifier, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        sweeps, "identify_images", lambda images, *a, **k: seen.append(images) or identify_images(images, *a, **k)
    )
    report = sweeps.sweep_size(sweep(folder, identifier), origin, ("high",), (64, 128))
    assert [row["side (pixels)"] for row in report.rows] == [64, 128]
    torch.testing.assert_close(seen[0], centre(seen[1], 64))


def test_errors_are_modulo_the_joint_sign_of_the_even_modes() -> None:
    true = torch.tensor([[0.1, -0.2, 0.05, 0.1, -0.1]]).repeat(4, 1)
    flip = torch.where(EVEN, -true, true)
    odd = torch.where(EVEN, true, -true)
    estimated = torch.stack((true[0], flip[1], odd[2], flip[3] + 0.01))
    errors = error_modulo_sign(estimated, true, EVEN)
    assert not errors[0].any() and not errors[1].any()
    assert errors[2].abs().max() == pytest.approx(0.2)
    # The estimate is flipped with its error.
    torch.testing.assert_close(errors[3], torch.where(EVEN, -0.01, 0.01), atol=1e-6, rtol=0)


def test_shares_within_the_deviation(
    folder: Path, identifier: Identifier, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)

    class Known:
        """Errors of known size: Gaussian, of deviation 0.01, with 0.01 claimed."""

        theta_std = torch.full((2000, 7), 0.01)

        def __init__(self, count: int) -> None:
            truth = torch.from_numpy(identifier.family.sample(count, 1))
            self.theta = truth + torch.from_numpy(rng.normal(0, 0.01, truth.shape)).float()

    module = "benchmarks.identification.calibration"
    monkeypatch.setattr(f"{module}.seed_of", lambda *_: 1)
    monkeypatch.setattr(f"{module}.identify_images", lambda images, *_, **__: Known(len(images)))
    monkeypatch.setattr(f"{module}.draw_test_scenes", lambda *_: draw_test_scenes(folder, 1, 40, 0))
    monkeypatch.setattr(f"{module}.blur_and_spoil", lambda *_: _Batch(identifier))
    report = measure_calibration(Sweep(folder, identifier, 2000, 1), origin, ("none",), 10)
    row = report.rows[0]
    assert row["within one std (%)"] == pytest.approx(68.3, abs=1.5)
    assert row["within two std (%)"] == pytest.approx(95.4, abs=1)
    assert row["RMS error (waves)"] == pytest.approx(0.01, rel=0.03)


class _Batch:
    def __init__(self, identifier: Identifier) -> None:
        self.theta = torch.from_numpy(identifier.family.sample(2000, 1))
        self.image = torch.zeros(2000, 1, 1, 1)
