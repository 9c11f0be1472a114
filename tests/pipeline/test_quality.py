"""Floors of the quality of the weights in the package, on an image that no training ever saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.data import camera
from skimage.metrics import structural_similarity

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.weights import FOLDER_VARIABLE, find_weights
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import deblur

SIDE = 256
THETA = (0.10, -0.06, 0.05, 0.08, -0.04, 0.05, -0.06, 0.04)


@pytest.fixture(autouse=True)
def shipped_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    for kind in ("identification", "deblurring"):
        try:
            find_weights(kind, "light")
        except WeightsError as error:
            pytest.skip(str(error))


NOISE = {"none": (0.0, 0.0), "medium": (0.001, 0.003), "high": (0.005, 0.02)}


def _gain(noise: str, method: Any) -> float:
    """SSIM of the result to the sharp scene less that of the blurred image; nothing is known but the microscope."""
    family = ZernikeFamily(Microscope(pixel_size_um=0.0957))
    scene = camera()[100 : 100 + SIDE + 30, 100 : 100 + SIDE + 30] / np.float32(255)
    clean = family.operator(THETA, (SIDE, SIDE)).forward(scene)
    image = PoissonGaussianNoise(*NOISE[noise]).sample(clean, 0).astype(np.float32)
    result = deblur(image, family, method=method, device="cpu").image
    before, after = (structural_similarity(scene[15:-15, 15:-15], y, data_range=1.0) for y in (image, result))
    return float(after - before)


@pytest.mark.parametrize(("noise", "floor"), [("none", 0.01), ("medium", 0.03), ("high", 0.08)])
def test_quality_of_blind_deblurring_by_the_network(noise: str, floor: float) -> None:
    assert _gain(noise, "network") > floor


@pytest.mark.parametrize("method", ["richardson-lucy", "total-variation", "wiener"])
def test_quality_of_blind_deblurring_by_classical_methods(method: str) -> None:
    assert _gain("high", method) > 0.05
