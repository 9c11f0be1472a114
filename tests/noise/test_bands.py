"""Large images are looked at band by band: what is found is the same, and memory does not grow with copies."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur.noise.bands import bands
from napari_deepblur.noise.evidence import gather_evidence
from napari_deepblur.optics import Microscope

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
    monkeypatch.setattr("napari_deepblur.noise.bands._PIXELS", 64 * 220)
    banded = gather_evidence(image, OPTICS)
    assert whole.hidden is not None and banded.hidden is not None and whole.hidden.sum() > 250
    np.testing.assert_array_equal(banded.hidden, whole.hidden)
    np.testing.assert_allclose(banded.pixels, whole.pixels, rtol=1e-6)
    assert banded.notes == whole.notes


def test_evidence_of_a_large_image_takes_few_bytes_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(1600, 640)
    monkeypatch.setattr("napari_deepblur.noise.bands._PIXELS", 64 * 640)
    tracemalloc.start()
    try:
        gather_evidence(image, OPTICS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # It was 157 when each step made copies of the whole in float64.
    assert peak / image.size < 50
