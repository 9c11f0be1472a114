"""Networks of a few parameters, a small training folder, and small images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.identification.identified import Identifier
from benchmarks.reports.report import Origin
from benchmarks.simulation.images import paper_family
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork
from napari_deepblur.restoration.restorers import NetworkRestorer
from napari_deepblur.training.pool import is_validation

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a training folder: three images for validation and three for training, 200 x 180 pixels."""
    root = tmp_path_factory.mktemp("pool")
    names = [f"micro_test/{i}.png" for i in range(200)]
    held_out, others = ([n for n in names if is_validation(n) == side][:3] for side in (True, False))
    (root / "micro_test").mkdir()
    for index, name in enumerate([*held_out, *others]):
        noise = np.random.default_rng(index).uniform(size=(200, 180))
        plane = np.round(3 * gaussian_filter(noise, 4) / gaussian_filter(noise, 4).max()) + gaussian_filter(noise, 1)
        Image.fromarray((255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)).save(root / name)
    return root


@pytest.fixture
def identifier(short_fit: None, monkeypatch: pytest.MonkeyPatch) -> Identifier:
    """Make an untrained network for the paper's family; the fit is cut short."""
    monkeypatch.setattr("napari_deepblur.devices._cpu_has_bfloat16", lambda: False)
    config = IdentificationConfig(widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=16, candidates=2)
    torch.manual_seed(0)
    return Identifier(paper_family(), IdentificationNetwork(config).eval().requires_grad_(False), CPU)


@pytest.fixture
def network() -> NetworkRestorer:
    torch.manual_seed(0)
    config = DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=2, shared=True)
    return NetworkRestorer(DeblurringNetwork(config).eval().requires_grad_(False))


@pytest.fixture
def origin() -> Origin:
    return Origin("napari-deepblur benchmark x", 1, "abc", {"identification": "12ab"}, "cpu", 1, "2", "2026-01-01")
