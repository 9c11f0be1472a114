"""The amplitude of aberrations: stated, or left open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_deepblur.operators import FieldZernikeFamily, ZernikeFamily
from napari_deepblur.operators.families import HIGHEST_AMPLITUDE, AberrationFamily
from napari_deepblur.optics import Microscope

OPTICS = Microscope(1.2, 0.6, 0.1, 1.33)
FAMILIES: dict[str, Any] = {"zernike": ZernikeFamily, "field-zernike": FieldZernikeFamily}


@pytest.mark.parametrize("kind", FAMILIES)
def test_an_amplitude_is_stated_or_the_widest_box_holds(kind: str) -> None:
    left_open: AberrationFamily = FAMILIES[kind](OPTICS)
    assert (left_open.max_amplitude, left_open.amplitude_is_stated, left_open.box) == ("auto", False, HIGHEST_AMPLITUDE)
    stated: AberrationFamily = FAMILIES[kind](OPTICS, max_amplitude=0.1)
    assert (stated.max_amplitude, stated.amplitude_is_stated, stated.box) == (0.1, True, 0.1)


def test_where_it_is_left_open_small_blurs_are_as_likely_as_large_ones() -> None:
    theta = ZernikeFamily(OPTICS).sample(6000, seed=5)
    largest = np.abs(theta).max(1)
    assert largest.max() <= HIGHEST_AMPLITUDE
    # The largest of eight uniform coefficients is 8/9 of the size; the median size is the geometric mean of its limits.
    assert np.median(largest) == pytest.approx(8 / 9 * np.sqrt(0.02 * 0.3), rel=0.05)
    # Each size is the half-width of a box: the largest coefficient says nothing of where the others are in it.
    rest = np.abs(theta) / largest[:, None]
    assert np.sort(rest, axis=1)[:, :-1].mean() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(theta, ZernikeFamily(OPTICS).sample(6000, seed=5))


def test_nowhere_in_the_field_is_a_blur_larger_than_its_size() -> None:
    family = FieldZernikeFamily(OPTICS, degree=2, field_shape=(64, 80))
    corners = [[0, 0], [0, 79], [63, 0], [63, 79], [31.5, 39.5]]
    sizes = family.local.sizes(200, seed=1)[:, 0]
    for theta, size in zip(family.sample(200, seed=1), sizes, strict=True):
        assert np.abs(family.coefficients(theta, corners)).max() <= size * 1.0001
