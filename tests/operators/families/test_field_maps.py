from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.field_maps import FieldMaps

sides = st.integers(1, 40)


@given(rows=sides, columns=sides, seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_maps_of_the_whole_field_are_returned_as_they_are(rows: int, columns: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, rows, columns))
    maps = FieldMaps(values, (rows, columns))
    np.testing.assert_allclose(maps.on(range(rows), range(columns)), values, atol=1e-9)


@given(grid=st.tuples(st.integers(1, 9), st.integers(1, 9)), field=st.tuples(sides, sides), seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_points_and_pixels_agree_inside_and_outside(grid: tuple[int, int], field: tuple[int, int], seed: int) -> None:
    maps = FieldMaps(np.random.default_rng(seed).normal(size=(2, *grid)), field)
    rows, columns = range(-3, field[0] + 3), range(-2, field[1] + 4)
    points = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    at = maps.at(points).T.reshape(2, len(rows), len(columns))
    np.testing.assert_allclose(maps.on(rows, columns), at, rtol=1e-7, atol=1e-7)


def test_the_grid_reaches_from_the_first_to_the_last_pixel() -> None:
    values = np.random.default_rng(0).normal(size=(1, 5, 4))
    maps = FieldMaps(values, (81, 31))
    np.testing.assert_allclose(maps.on(range(0, 81, 20), range(0, 31, 10)), values, atol=1e-12)


def test_smooth_maps_are_interpolated_well_and_continue_without_a_step() -> None:
    t = np.linspace(0, 1, 33)
    maps = FieldMaps(np.cos(3 * t[:, None] + 2 * t)[None], (513, 513))
    pixels = np.arange(513) / 512
    exact = np.cos(3 * pixels[:, None] + 2 * pixels)
    np.testing.assert_allclose(maps.on(range(513), range(513))[0], exact, atol=5e-6)
    # Across the border, neither the value nor the slope jumps.
    for line in (maps.on(range(-15, 16), range(200, 201)).ravel(), maps.on(range(90, 91), range(498, 528)).ravel()):
        assert np.abs(np.diff(line, 2)).max() < 1.01 * 9 / 512**2


def test_linear_maps_go_on_linearly_however_few_points_they_have() -> None:
    for points in range(2, 7):
        maps = FieldMaps(np.linspace(1, 2, points)[None, :, None], (11, 7))
        np.testing.assert_allclose(maps.on(range(-5, 16), range(2))[0, :, 1], np.arange(0.5, 2.55, 0.1), atol=1e-12)


@pytest.mark.parametrize("values", [np.ones((3, 3)), np.ones((0, 3, 3)), np.full((1, 2, 2), np.nan)])
def test_values_that_are_no_maps_are_diagnosed(values: NDArray[np.float64]) -> None:
    with pytest.raises(FamilyError, match="maps"):
        FieldMaps(values, (9, 9))
