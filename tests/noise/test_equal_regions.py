"""Connected regions of equal pixels are those that scikit-image labels, and take little memory."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label

from napari_deepblur.noise.equal_regions import equal_regions


@pytest.mark.parametrize("values", [1, 2, 3, 10, 60])
def test_regions_are_those_of_scikit_image(values: int) -> None:
    rng = np.random.default_rng(values)
    image = rng.integers(0, values, (47, 81)).astype(np.float32)
    image[10:30, 20:50] = 3
    image[12:28, 33] = rng.integers(0, values, 16)
    known = label(image.astype(int), connectivity=1, background=-1)
    size = np.bincount(known.ravel())
    found = equal_regions(image, 4)
    np.testing.assert_array_equal(found.labels == 0, size[known] == 1)
    pairs = np.unique(np.stack([known, found.labels])[:, found.labels > 0], axis=1)
    # Each of theirs is one of ours, and the other way round.
    assert pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))
    assert sorted(found.size) == sorted(size[size >= 4])
    for number, value in zip(found.number, found.value, strict=True):
        assert (image[found.labels == number] == value).all()


def test_what_is_usual_is_said_by_what_lies_outside_of_large_regions() -> None:
    image = np.arange(400, dtype=np.float32).reshape(20, 20)
    assert equal_regions(image, 4).usual == 0 and not len(equal_regions(image, 4).number)
    image[:, :10] = -1
    image[0, 15] = image[0, 14]
    # One of the pairs of the right half: 20 rows of 9 pairs, and 19 of 10.
    assert equal_regions(image, 4).usual == pytest.approx(1 / (20 * 9 + 19 * 10))
