"""The benchmark of blurs that vary over the field, on a small one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.field import report as field_report
from benchmarks.field.report import run_field
from benchmarks.field.scenes import AT_ONCE, MEAN, TRUE, FieldTask
from benchmarks.reports.report import Origin
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.restoration.restorers import NetworkRestorer
from napari_deepblur.training.pool import is_validation

CPU = torch.device("cpu")


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Make a folder with one biological image for training and one for validation."""
    names = [f"micro_neubias/{i}.png" for i in range(200)]
    chosen = [next(n for n in names if is_validation(n)), next(n for n in names if not is_validation(n))]
    (tmp_path / "micro_neubias").mkdir()
    for index, name in enumerate(chosen):
        plane = gaussian_filter(np.random.default_rng(index).uniform(size=(170, 170)), 1.5)
        Image.fromarray((255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)).save(tmp_path / name)
    return tmp_path


def test_every_method_has_a_row_and_truth_restores_best(
    family: ProductConvolutionFamily, pool: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(p.relative_to(pool).as_posix() for p in pool.rglob("*.png") if is_validation(f"micro_neubias/{p.name}"))
    monkeypatch.setattr(field_report, "IMAGES", (name,))
    monkeypatch.setattr(field_report, "NOISY", ())
    torch.manual_seed(0)
    network = DeblurringNetwork(DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=2, shared=True)).eval()
    task = FieldTask(pool, family, {AT_ONCE: None}, NetworkRestorer(network), CPU, 1, identified=2)
    cases, report = run_field(task, origin)
    assert [(row["method"], row["operator"]) for row in report.rows] == [
        ("blurred", ""),
        ("network", TRUE),
        ("network", MEAN),
        ("network", AT_ONCE),
        ("Richardson-Lucy", AT_ONCE),
        ("patchwise Richardson-Lucy", AT_ONCE),
        ("Richardson-Lucy", TRUE),
        ("patchwise Richardson-Lucy", TRUE),
        ("identified alone, 2 images", AT_ONCE),
        ("identified alone, 2 images", MEAN),
    ]
    by_key = {(row["method"], row["operator"]): row for row in report.rows}
    assert by_key["Richardson-Lucy", TRUE]["mean SSIM"] > by_key["blurred", ""]["mean SSIM"]
    assert cases[0].psfs[TRUE].shape == (4, 11, 11)
    assert cases[0].snr.keys() == {MEAN, AT_ONCE}
