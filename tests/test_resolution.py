"""The resolution of pictures whose cut-off is known, and of those that have none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur import image_resolution
from napari_deepblur.errors import ImageError
from napari_deepblur.resolution import ResolutionGain, resolution_gain

PIXEL_UM = 0.1
SIDE = 256


def band_limited(content: str, cutoff: float, photons: float, seed: int = 3) -> NDArray[np.float64]:
    """Draw a specimen without any frequency above a cut-off, in cycles per pixel, with shot noise."""
    rng = np.random.default_rng(seed)
    if content == "points":
        scene = np.zeros((SIDE, SIDE))
        scene[tuple(rng.integers(0, SIDE, (2, 120)))] = 1.0
    else:
        rows, columns = np.mgrid[:SIDE, :SIDE]
        scene = sum(
            np.hypot(rows - row, columns - column) < radius
            for row, column, radius in rng.uniform((0, 0, 2), (SIDE, SIDE, 16), (40, 3))
        ).astype(float)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    image = np.fft.ifft2(np.fft.fft2(scene) * (frequency < cutoff)).real
    image = (image - image.min()) / np.ptp(image)
    return rng.poisson(photons * (image + 0.02)).astype(float)


@pytest.mark.parametrize("content", ["points", "discs"])
@pytest.mark.parametrize("cutoff", [0.1, 0.2, 0.3, 0.42])
@pytest.mark.parametrize("photons", [2e3, 1e5])
def test_cutoff_is_found_within_a_tenth(content: str, cutoff: float, photons: float) -> None:
    found = image_resolution(band_limited(content, cutoff, photons), PIXEL_UM).um
    assert found == pytest.approx(PIXEL_UM / cutoff, rel=0.1)


def test_rectangles_units_and_types_do_not_matter() -> None:
    image = band_limited("points", 0.2, 1e4)
    whole = image_resolution(image, PIXEL_UM).um
    assert image_resolution(7 * image + 300, PIXEL_UM).um == pytest.approx(whole, rel=1e-6)
    assert image_resolution(image.T.astype(np.uint16), 2 * PIXEL_UM).um == pytest.approx(2 * whole, rel=1e-6)
    assert image_resolution(image[:, :201], PIXEL_UM).um == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize("shape", [(32, 32), (64, 41), (200, 200), (255, 128)])
@pytest.mark.parametrize("light", [0.1, 100.0])
def test_noise_alone_has_no_resolution(shape: tuple[int, int], light: float) -> None:
    for seed in range(5):
        image = np.random.default_rng(seed).poisson(light, shape).astype(float)
        found = image_resolution(image, PIXEL_UM)
        assert found.um is None
        assert found.words == "not found"


@pytest.mark.parametrize(
    ("image", "size", "match"),
    [
        (np.zeros((64, 64)), PIXEL_UM, "same value"),
        (np.random.default_rng(0).normal(size=(20, 64)), PIXEL_UM, "at least 32"),
        (np.random.default_rng(0).normal(size=(64, 64)), 0.0, "positive length"),
    ],
)
def test_what_cannot_be_measured_is_refused(image: NDArray[np.float64], size: float, match: str) -> None:
    with pytest.raises(ImageError, match=match):
        image_resolution(image, size)


def test_filtered_noise_has_a_number_that_means_nothing() -> None:
    """The limit of the method that the documentation names: after a filter, noise looks like detail."""
    noise = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    filtered = np.fft.ifft2(np.fft.fft2(noise) * (frequency < 0.2)).real
    assert image_resolution(filtered, PIXEL_UM).um == pytest.approx(PIXEL_UM / 0.2, rel=0.1)


def test_gain_survives_its_record() -> None:
    blurred, sharp = band_limited("points", 0.15, 1e4), band_limited("points", 0.3, 1e4)
    gain = resolution_gain(blurred, sharp, PIXEL_UM)
    assert gain is not None
    assert gain.result.um < 0.6 * gain.image.um
    assert ResolutionGain.from_record(gain.as_record()) == gain
    assert "image 0.6" in gain.words
    assert "not whether it is true" in gain.words
    assert resolution_gain(blurred, sharp, None) is None
    assert resolution_gain(np.zeros((64, 64)), sharp[:64, :64], PIXEL_UM) is None


@pytest.mark.parametrize("kept", [None, {}, {"image_um": "0.3", "result_um": 1.0}, {"image_um": -1.0, "result_um": 1}])
def test_foreign_records_count_as_absent(kept: object) -> None:
    assert ResolutionGain.from_record(kept) is None
