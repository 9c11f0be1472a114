"""Networks of a few parameters and a small blurred image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deepblur.io.weights import save_weights
from napari_deepblur.io.weights_folders import FOLDER_VARIABLE
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope

TINY_IDENTIFICATION = IdentificationConfig(
    widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=16, candidates=2
)
TINY_DEBLURRING = DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=3, shared=True)


@pytest.fixture
def family() -> ZernikeFamily:
    return ZernikeFamily(Microscope(pixel_size_um=0.09))


@pytest.fixture
def network() -> IdentificationNetwork:
    return IdentificationNetwork(TINY_IDENTIFICATION).eval().requires_grad_(False)


@pytest.fixture
def weights_folder(short_fit: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install untrained networks, computed in float32 so that laws hold to rounding; the fit is cut short."""
    folder = tmp_path / "weights"
    folder.mkdir()
    save_weights(folder / "identification-light.safetensors", IdentificationNetwork(TINY_IDENTIFICATION), {})
    save_weights(folder / "deblurring-light.safetensors", DeblurringNetwork(TINY_DEBLURRING), {})
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setattr("napari_deepblur.devices._cpu_has_bfloat16", lambda: False)
    return folder


@pytest.fixture
def scene() -> np.ndarray:
    """Points on a dim background, 126 x 110 pixels: 31 - 1 more a side than the image."""
    rng = np.random.default_rng(4)
    scene = np.full((126, 110), 0.2, np.float32)
    scene[rng.integers(0, 126, 60), rng.integers(0, 110, 60)] += rng.uniform(2, 5, 60).astype(np.float32)
    return scene


@pytest.fixture
def theta() -> np.ndarray:
    return np.array([0.08, -0.04, 0.05, 0.06, -0.05, 0.03, 0.02, -0.03], np.float32)


@pytest.fixture
def image(family: ZernikeFamily, scene: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return the scene blurred, in a camera's counts, shape (96, 80)."""
    blurred = family.operator(theta, (96, 80)).forward(scene)
    return (100 + 1000 * blurred + np.random.default_rng(0).normal(0, 2, (96, 80))).astype(np.float32)
