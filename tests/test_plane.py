"""Packed masks are read and written as arrays are; planes of any source are float32 by regions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.checked_image import check_plane
from napari_deepblur.errors import ImageError
from napari_deepblur.packed_mask import PackedMask, union, without
from napari_deepblur.plane import SourcePlane, is_large, mask_of, widened

SHAPE = (700, 1100)


def test_a_packed_mask_is_what_an_array_would_be() -> None:
    rng = np.random.default_rng(0)
    packed, array = PackedMask(SHAPE), np.zeros(SHAPE, bool)
    for _ in range(12):
        top, left = rng.integers(0, SHAPE[0] - 1), rng.integers(0, SHAPE[1] - 1)
        place = slice(top, rng.integers(top + 1, SHAPE[0] + 1)), slice(left, rng.integers(left + 1, SHAPE[1] + 1))
        values = rng.uniform(size=array[place].shape) > rng.uniform()
        packed[place] = values
        array[place] = values
    np.testing.assert_array_equal(packed[:, :], array)
    np.testing.assert_array_equal(packed[100:-50, 511:513], array[100:-50, 511:513])
    assert (packed.sum(), packed.mean(), packed.any(), packed.all()) == (array.sum(), array.mean(), True, False)
    packed[:, :] = True
    assert packed.all() and packed.nbytes < array.size / 500
    packed[:, :] = False
    assert not packed.any() and packed.nbytes == 0


def test_unions_and_differences() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.uniform(size=(2, *SHAPE)) > 0.9
    masks = []
    for array in (first, second):
        masks.append(PackedMask(SHAPE))
        masks[-1][:, :] = array
    np.testing.assert_array_equal(union(*masks)[:, :], first | second)
    np.testing.assert_array_equal(without(*masks)[:, :], first & ~second)
    np.testing.assert_array_equal(union(first, masks[1])[:, :], first | second)
    assert isinstance(union(first, second), np.ndarray)


def test_a_plane_of_a_masked_source() -> None:
    counts = np.random.default_rng(2).integers(5, 4000, (90, 60)).astype(">u2")
    hidden = np.zeros(counts.shape, bool)
    hidden[10:20, 30:] = True
    source = np.ma.MaskedArray(np.where(hidden, 0, counts), hidden)
    plane = SourcePlane((90, 60), lambda region: source[region])
    masked = check_plane(plane)
    assert masked is not None and isinstance(mask_of(plane), PackedMask)
    np.testing.assert_array_equal(masked[:, :], hidden)
    np.testing.assert_array_equal(plane[5:25, :], np.where(hidden, counts[~hidden].min(), counts)[5:25])
    assert plane[:, :].dtype == np.float32
    around, inner = widened((slice(0, 5), slice(50, 60)), plane.shape, 8)
    assert (around, inner) == ((slice(0, 13), slice(42, 60)), (slice(0, 5), slice(8, 18)))


@pytest.mark.parametrize(
    ("change", "words"),
    [("nan", "1 of 1024 pixels are NaN"), ("constant", "same value"), ("masked", "masked"), ("bool", "two values")],
)
def test_planes_are_checked_as_images_are(change: str, words: str) -> None:
    values = np.random.default_rng(3).normal(100, 5, (32, 32))
    source = {
        "nan": np.where(np.arange(1024).reshape(32, 32) == 5, np.nan, values),
        "constant": np.full((32, 32), 7.0),
        "masked": np.ma.MaskedArray(values, np.ones((32, 32), bool)),
        "bool": values > 100,
    }[change]
    with pytest.raises(ImageError, match=words):
        check_plane(SourcePlane((32, 32), lambda region: source[region]))


def test_what_is_large() -> None:
    assert is_large((4096, 4096)) and not is_large((2048, 2048))
