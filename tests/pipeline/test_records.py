"""Records of runs are JSON for everybody: no infinity and no NaN, whatever the image is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from napari_deepblur import Microscope, ZernikeFamily, deblur, deblur_stack, image_resolution
from napari_deepblur.io.json_safe import json_safe

RNG = np.random.default_rng(0)
FAMILY = ZernikeFamily(Microscope(na=1.2, wavelength_um=0.6, pixel_size_um=0.1, n_immersion=1.5), psf_size=15)
THETA = (0.05, 0, 0, 0, 0, 0, 0, 0)

IMAGES = {
    "without noise": np.add.outer(np.arange(48.0), np.arange(48.0)),
    "few bright pixels": (RNG.random((48, 48)) > 0.99).astype(np.uint16),
    "two values": (RNG.random((48, 48)) > 0.5).astype(np.uint8),
    "tiny": 1e-20 * RNG.random((48, 48)),
    "huge": 1e20 * RNG.random((48, 48)),
}


def strict(record: Any) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(json.dumps(record, allow_nan=False), parse_constant=refuse)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IMAGES)
def test_the_record_of_a_run_is_json(name: str) -> None:
    result = deblur(IMAGES[name], FAMILY, theta=THETA, method="wiener")
    assert strict(result.settings) == result.settings
    assert np.isfinite(result.image).all()


def test_the_record_says_the_resolution_before_and_after() -> None:
    points = np.zeros((94, 94))
    points[tuple(np.random.default_rng(1).integers(0, 94, (2, 60)))] = 1000
    image = np.random.default_rng(2).poisson(FAMILY.operator(THETA, (80, 80)).forward(points) + 5)
    done = deblur(image, FAMILY, theta=THETA, method="richardson-lucy")
    assert done.resolution is not None
    assert done.resolution.image == image_resolution(image, 0.1)
    assert done.resolution.result == image_resolution(done.image, 0.1)
    assert strict(done.settings)["resolved"]["resolution"] == done.resolution.as_record()
    # Between the limit of the optics, 0.25 um, and twice that.
    assert 0.25 < done.resolution.image.um < 0.5


@pytest.mark.filterwarnings("ignore")
def test_the_record_of_a_series_with_a_bad_frame_is_json() -> None:
    frames = RNG.poisson(100, (3, 48, 48)).astype(np.float32)
    frames[1, 5, 5] = np.nan
    result = deblur_stack(frames, family=FAMILY, theta=THETA, method="wiener")
    assert strict(result.record) == result.record
    np.testing.assert_array_equal(result.image[1], frames[1])
    assert any("NaN" in note for note in result.notes)


def test_infinities_become_null_wherever_they_are() -> None:
    record = {"a": [1.0, float("inf"), {"b": (float("nan"), "x", None)}], "c": -float("inf"), "d": 3}
    assert json_safe(record) == {"a": [1.0, None, {"b": [None, "x", None]}], "c": None, "d": 3}
