"""Large images are looked at band by band: what is found is the same, and memory does not grow with copies."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur.bands import bands, blocks
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.evidence import gather_evidence
from napari_deepblur.optics import Microscope
from napari_deepblur.packed_mask import PackedMask
from napari_deepblur.plane import SourcePlane

OPTICS = Microscope(na=1.3, wavelength_um=0.54, pixel_size_um=0.09, n_immersion=1.515)


def scene(rows: int, columns: int) -> NDArray[np.float32]:
    """Make counts of blurred points, with hot pixels, a track of them, and a row that is too bright."""
    rng = np.random.default_rng(0)
    points = gaussian_filter((rng.uniform(size=(rows, columns)) > 0.97).astype(np.float32), 1.5)
    image = rng.poisson(100 + 4000 * points).astype(np.float32)
    image[tuple(rng.integers(0, min(rows, columns), (2, 40)))] += 8000
    image[np.arange(40, 140), np.arange(60, 160)] += 8000
    image[rows - 40] += 150
    image[20:29, 30:60] = 0
    return image


@pytest.mark.parametrize(("shape", "reach"), [((100, 7), 0), ((100, 7), 16), ((5, 3), 9), ((1, 10**8), 2)])
def test_bands_cover_the_image_once(shape: tuple[int, int], reach: int) -> None:
    count = np.zeros(shape[0], int)
    for rows, around, inner in bands(shape, reach):
        count[rows] += 1
        assert np.arange(shape[0])[around][inner].tolist() == np.arange(shape[0])[rows].tolist()
        assert around.start == max(rows.start - reach, 0) and around.stop == min(rows.stop + reach, shape[0])
    assert (count == 1).all()


def test_what_is_set_aside_does_not_depend_on_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(300, 220)
    whole = gather_evidence(image, OPTICS)
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * 220)
    banded = gather_evidence(image, OPTICS)
    assert whole.hidden is not None and banded.hidden is not None and whole.hidden.sum() > 250
    np.testing.assert_array_equal(banded.hidden, whole.hidden)
    np.testing.assert_allclose(banded.pixels, whole.pixels, rtol=1e-6)
    assert banded.notes == whole.notes


@pytest.mark.parametrize(("shape", "reach"), [((100, 7), 3), ((9000, 300), 0), ((70, 9000), 12)])
def test_blocks_cover_the_image_once(shape: tuple[int, int], reach: int) -> None:
    count = np.zeros(shape, int)
    for place, around, inner in blocks(shape, reach):
        count[place] += 1
        for part, wide, inside, length in zip(place, around, inner, shape, strict=True):
            assert (wide.start, wide.stop) == (max(part.start - reach, 0), min(part.stop + reach, length))
            assert (inside.start + wide.start, inside.stop + wide.start) == (part.start, part.stop)
        assert around[1].stop - around[1].start <= 4096 + 2 * reach
    assert (count == 1).all()


def test_evidence_by_regions_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks and borders that reach across bands, writing, hot pixels, a bright row, masked pixels: all as at once."""
    image = scene(330, 260)
    image[:, :25] = 0
    image[120:260, 120:170] = 4095
    image[200:206, 30:90] = 9000
    image = np.minimum(image, 9000)
    masked = np.zeros(image.shape, bool)
    masked[300:310, 200:] = True
    whole = gather_evidence(image, OPTICS, masked=masked)
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * 260)
    plane = SourcePlane((330, 260), lambda region: image[region])
    packed = PackedMask(plane.shape)
    packed[:, :] = masked
    found = gather_evidence(plane, OPTICS, masked=packed)
    assert whole.hidden is not None and found.hidden is not None and whole.blank is not None and found.blank is not None
    np.testing.assert_array_equal(found.hidden[:, :], whole.hidden)
    np.testing.assert_array_equal(found.blank[:, :], whole.blank)
    assert found.notes == whole.notes and found.noise == whole.noise
    # Nothing is so deep that it would not be filled in from what lies around it.
    np.testing.assert_array_equal(found.pixels[:, :], whole.pixels)
    np.testing.assert_array_equal(found.pixels[90:140, 100:230], whole.pixels[90:140, 100:230])


def test_what_lies_deep_in_a_mask_looks_like_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(330, 420)
    image[20:310, 20:330] = 0
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * 420)
    plane = SourcePlane((330, 420), lambda region: image[region])
    found = gather_evidence(plane, OPTICS, PoissonGaussianNoise(1.0, 0.0))
    deep, seen = found.pixels[110:220, 110:240], image[:, 330:]
    assert abs(np.median(deep) - np.median(seen)) < 0.2 * np.median(seen)
    np.testing.assert_array_equal(found.pixels[:, :][110:220, 110:240], deep)


def test_evidence_of_a_large_image_takes_few_bytes_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(1600, 640)
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * 640)
    tracemalloc.start()
    try:
        gather_evidence(image, OPTICS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # It was 157 when each step made copies of the whole in float64.
    assert peak / image.size < 50
