from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.reports import figures
from benchmarks.reports.report import Origin
from benchmarks.simulation.images import paper_family
from benchmarks.timing import peak_memory, speed
from benchmarks.timing.spatial_reference import SpatialReference
from napari_deepblur.io.weights import FOLDER_VARIABLE, load_identification
from napari_deepblur.networks import deblurring, identification
from napari_deepblur.operators import ConvolutionOperator

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink all networks, and do not start processes."""
    encoder = identification.IdentificationConfig(
        widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=16, candidates=2
    )
    unrolled = replace(deblurring.LIGHT, channels=(4, 4, 4, 4), iterations=2)
    monkeypatch.setattr(deblurring, "PAPER", unrolled)
    monkeypatch.setattr(speed, "CONFIGS", {"paper": (encoder, unrolled), "light": (encoder, unrolled)})
    monkeypatch.setattr(speed, "peak_memory_mb", lambda variant, size, device: None if size > 64 else 12.6)


def test_the_reference_is_the_same_operator() -> None:
    family = paper_family()
    psf = family.psf_tensor(torch.from_numpy(family.sample(1, 0)[0]))
    reference, ours = SpatialReference(psf), ConvolutionOperator(psf[None, None], (40, 36))
    scene, image = torch.rand(1, 1, 70, 66), torch.rand(1, 1, 40, 36)
    torch.testing.assert_close(reference.forward(scene), ours.forward(scene), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(reference.adjoint(image), ours.adjoint(image), rtol=1e-4, atol=1e-5)
    solved = reference.solve(reference.adjoint(image), torch.zeros(1, 1, 70, 66), 60)
    again = ours.adjoint(ours.forward(solved)) + 0.03 * solved
    torch.testing.assert_close(again, ours.adjoint(image), rtol=0, atol=2e-3)


def test_images_of_any_size_are_counts() -> None:
    image = speed.blurred_image(80)
    assert image.shape == (80, 80) and 90 < image.min() and image.max() < 5000
    assert (speed.blurred_image(80) == image).all()


def test_times_are_medians_with_ratios(origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"reference": iter([9.0, 4.0, 8.0, 6.0] * 2), "light": iter([9.0, 1.0, 2.0, 3.0] * 2)}
    monkeypatch.setattr(speed, "prepare", lambda name, size, device: lambda: {"deblur": next(times[name])})
    report = speed.measure_speed((64, 128), 3, 64, CPU, origin, ("reference", "light"))
    # The first round is a warm-up; beyond 64 pixels there is no reference.
    assert [(row["side (pixels)"], row["variant"], row["seconds"], row["times faster"]) for row in report.rows] == [
        (64, "reference", 6.0, None),
        (64, "light", 2.0, 3.0),
        (128, "light", 2.0, None),
    ]
    assert [row["peak memory (MB)"] for row in report.rows] == [13, 13, None]
    figures.draw_speed(tmp_path / "speed.png", report.rows, report.title)
    assert (tmp_path / "speed.png").stat().st_size > 5_000


def test_every_stage_of_the_pipeline_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "before")
    with speed.random_weights():
        load_identification("paper")
        stages = speed.prepare("light", 64, CPU)()
        assert set(stages) == {"noise", "identify", "deblur"} and min(stages.values()) > 0
        assert speed.prepare("reference", 64, CPU)()["deblur"] > 0
    assert os.environ[FOLDER_VARIABLE] == "before"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only where the kernel tells it of one program")
def test_the_peak_is_that_of_the_process_and_not_of_its_parent() -> None:
    held = np.ones(900 * 2**20, np.uint8)
    code = "from benchmarks.timing.peak_memory import peak_mb; print(peak_mb())"
    root = Path(__file__).parents[2]
    child = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    assert peak_memory.peak_mb() > held.nbytes / 2**20 > float(child.stdout) > 50


def test_the_process_that_measures_memory_prints_megabytes(capsys: pytest.CaptureFixture[str]) -> None:
    peak_memory.main(["reference", "64", "cpu", "1"])
    assert 50 < float(capsys.readouterr().out) < 50_000
