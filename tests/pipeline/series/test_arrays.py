"""Reading and writing one frame of an array at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_deepblur.pipeline.series.arrays import Luminance, read_frame, write_frame


@pytest.mark.parametrize("axes", ["CYX", "YXC", "YCX", "XCY"])
def test_what_is_read_is_written_back_to_its_place(axes: str) -> None:
    rng = np.random.default_rng(0)
    lengths = {"C": 2, "Y": 5, "X": 4}
    array = rng.uniform(-3, 3, [lengths[letter] for letter in axes]).astype(np.float32)
    copy = np.zeros_like(array)
    for c in range(2):
        plane = read_frame(array, axes, (c,))
        assert plane.shape == (5, 4)
        write_frame(copy, axes, (c,), plane)
    np.testing.assert_array_equal(copy, array)


def test_integers_are_rounded_and_cut_to_their_range() -> None:
    colours = np.zeros((1, 3, 1), np.uint8)
    write_frame(colours, "YXS", (0,), np.array([[-4.0, 12.6, 300.0]], np.float32))
    assert colours.ravel().tolist() == [0, 13, 255]


def test_luminance_is_read_in_parts_and_leaves_transparency_out(lazy_array: type[Any]) -> None:
    colours = np.zeros((2, 6, 5, 4), np.uint8)
    colours[1, ..., 1] = 100
    colours[..., 3] = 255
    lazy = lazy_array(colours)
    grey = Luminance(lazy)
    assert grey.shape == (2, 6, 5)
    np.testing.assert_allclose(read_frame(grey, "TYX", (1,)), 71.52)
    assert lazy.read == [(1, slice(None), slice(None))]
