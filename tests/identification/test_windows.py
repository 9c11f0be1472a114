"""Parts of the field."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.identification.windows import at_least, partition
from napari_deepblur.networks.statistics import WINDOW

SIDE = 512


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_parts_partition_the_field(height: int, width: int) -> None:
    covered = 0
    for rows, columns in partition((height, width), SIDE):
        sides = rows.stop - rows.start, columns.stop - columns.start
        assert min(sides) >= WINDOW
        assert max(sides) <= 1.5 * SIDE + 1
        covered += sides[0] * sides[1]
    # Disjoint, since they are a grid; together, all of it, or of the window that a smaller image is mirrored into.
    assert covered == max(height, WINDOW) * max(width, WINDOW)


def test_large_fields_have_larger_parts_instead_of_more() -> None:
    parts = partition((5000, 600), SIDE, most=3)
    assert len(parts) == 3
    assert {columns.stop - columns.start for _, columns in parts} == {600}
    assert max(rows.stop for rows, _ in parts) == 5000


def test_small_images_are_mirrored_and_large_ones_left_alone() -> None:
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(at_least(image, 4), [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [0, 1, 2, 2]])
    assert at_least(image, 2) is image
