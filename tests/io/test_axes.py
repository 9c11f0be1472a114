"""What the axes of an array are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_deepblur.errors import ImageError, SettingsError
from napari_deepblur.io.axes import check_axes, check_spacing, frame_indices, frame_name, frame_slices, guess_axes


@pytest.mark.parametrize(
    ("ndim", "labels", "expected"),
    [
        (2, (), "YX"),
        (2, ("axis -2", "axis -1"), "YX"),
        (3, (), "TYX"),
        (3, ("z", "y", "x"), "ZYX"),
        (3, ("Channel", "Y", "X"), "CYX"),
        (3, ("y", "x", "c"), "YXC"),
        (3, ("axis -3", "y", "x"), "TYX"),
        (4, ("t", "axis -3", "y", "x"), "TZYX"),
        (4, ("z", "axis -3", "axis -2", "axis -1"), "ZTYX"),
        (5, (), "TCZYX"),
        (3, ("t", "t", "y"), "TYX"),
        (3, ("frame", "axis -2", "x"), "TYX"),
        (6, (), "TPCZYX"),
        (4, ("a", "b", "t", "z"), "TZYX"),
    ],
)
def test_names_are_believed_and_the_rest_is_guessed(ndim: int, labels: tuple[str, ...], expected: str) -> None:
    assert guess_axes(ndim, labels) == expected
    assert guess_axes(ndim, labels, colour=True) == expected + "S"


def test_too_few_and_too_many_axes_are_refused() -> None:
    for ndim in (1, 7):
        with pytest.raises(ImageError, match=f"{ndim} axes"):
            guess_axes(ndim)


@pytest.mark.parametrize(
    ("axes", "shape", "words"),
    [
        ("YX", (3, 4, 5), "3 axes"),
        ("QYX", (3, 4, 5), "Unknown axes Q"),
        ("YYX", (3, 4, 5), "named twice"),
        ("TZX", (3, 4, 5), "lack rows"),
        ("TYX", (0, 4, 5), "no pixels"),
    ],
)
def test_axes_that_do_not_fit_are_explained(axes: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ImageError, match=words):
        check_axes(axes, shape)


@pytest.mark.parametrize("axes", ["TCYX", "YXTC", "TYCX", "YX"])
def test_frames_cover_the_array_once(axes: str) -> None:
    lengths = {"T": 2, "C": 3, "Y": 4, "X": 5}
    shape = tuple(lengths[letter] for letter in axes)
    seen = np.zeros(shape, int)
    for index in frame_indices(axes, shape):
        part = seen[frame_slices(axes, index)]
        assert sorted(part.shape) == [4, 5]
        part += 1
    assert (seen == 1).all()


def test_frames_have_names() -> None:
    assert frame_name("TYXC", (3, 1)) == "time 3, channel 1"
    assert frame_name("YX", ()) == "the image"


@pytest.mark.parametrize("spacing", [math.nan, math.inf])
def test_a_spacing_that_is_no_number_is_refused(spacing: float) -> None:
    with pytest.raises(SettingsError, match="expected a finite number"):
        check_spacing("ZYX", spacing)
