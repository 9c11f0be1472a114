"""Tiles: every pixel is covered, and the weights of all tiles sum to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepblur.errors import SettingsError
from napari_deepblur.restoration.tiling import SMALLEST_TILE, Blending, automatic_side, margin, plan_tiles

SIDES = st.integers(1, 700)
TILES = st.none() | st.integers(SMALLEST_TILE, 400)


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, TILES, st.integers(0, 80))
def test_weights_sum_to_one_at_every_pixel(height: int, width: int, side: int | None, around: int) -> None:
    total, own = np.zeros((height, width)), np.zeros((height, width), int)
    for tile in plan_tiles((height, width), side, around):
        # What belongs to a tile is complete with it: no later one adds to it.
        assert not own[tile.target].any()
        own[tile.own] += 1
        assert tile.weights.shape == total[tile.target].shape
        assert tile.weights.min() >= 0
        total[tile.target] += tile.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert (own == 1).all()


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, TILES, st.integers(0, 80))
def test_tiles_know_where_they_are_and_have_their_margin(
    height: int, width: int, side: int | None, around: int
) -> None:
    tiles = plan_tiles((height, width), side, around)
    for tile in tiles:
        for axis, length in enumerate((height, width)):
            source, inner, target = tile.source[axis], tile.inner[axis], tile.target[axis]
            assert 0 <= target.start < target.stop <= length
            # The start is moved to the grid of the network, which restores a little differently off it.
            assert source.start % 8 == 0
            assert 0 <= max(target.start - around, 0) - source.start < 8
            assert source.stop == min(target.stop + around, length)
            assert (source.start + inner.start, source.start + inner.stop) == (target.start, target.stop)
            assert side is None or target.stop - target.start <= side
    corners = [(tile.target[0].start, tile.target[1].start) for tile in tiles]
    assert corners == sorted(corners)


@settings(deadline=None, max_examples=40)
@given(SIDES, SIDES, TILES)
def test_an_image_that_is_cut_and_blended_is_itself(height: int, width: int, side: int | None) -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (height, width)).astype(np.float32)
    result = np.zeros_like(image)
    for tile in plan_tiles(image.shape, side, 20):
        result[tile.target] += tile.weights * image[tile.source][tile.inner]
    np.testing.assert_allclose(result, image, atol=1e-6)


def test_small_images_are_one_tile_and_large_ones_no_more_than_needed() -> None:
    assert len(plan_tiles((200, 200), 256, 31)) == 1
    assert len(plan_tiles((3000, 5000), None, 31)) == 1
    # Tiles of 256 that share 32 pixels advance by 224.
    assert len(plan_tiles((256 + 224, 256), 256, 31)) == 2
    assert len(plan_tiles((256 + 225, 256), 256, 31)) == 3


def test_blending_is_smooth() -> None:
    """No weight changes by more than an eighth from one pixel to the next: a jump would show as a seam."""
    for tile in plan_tiles((500, 500), 200, 31):
        assert max(np.abs(np.diff(tile.weights, axis=axis)).max() for axis in (0, 1)) < 0.125


@pytest.mark.parametrize("side", [-1, 0, 1, SMALLEST_TILE - 1])
def test_tiles_that_would_be_all_margin_are_refused(side: int) -> None:
    with pytest.raises(SettingsError, match=f"{side} pixels, expected at least {SMALLEST_TILE}"):
        plan_tiles((500, 500), side, 31)


def test_the_margin_holds_half_of_the_psf() -> None:
    assert margin(31) >= 15
    assert margin(63) - margin(31) == 16


@given(SIDES, SIDES, st.integers(1, 10**6))
def test_automatic_tiles_fit_into_what_is_allowed(height: int, width: int, pixels: int) -> None:
    side = automatic_side((height, width), pixels, 31)
    if side is None:
        assert height * width <= pixels
    else:
        assert height * width > pixels
        assert side == SMALLEST_TILE or (side + 2 * 31) ** 2 <= pixels


@pytest.mark.parametrize(("shape", "side"), [((300, 420), 128), ((150, 500), 160), ((100, 90), None)])
def test_blended_tiles_are_the_sum_of_their_shares(shape: tuple[int, int], side: int | None) -> None:
    """What is handed out as complete is, to the last digit, what adding all tiles up gives, and is handed out once."""
    rng = np.random.default_rng(0)
    total, seen, blending = np.zeros(shape, np.float32), np.full(shape, np.nan, np.float32), Blending(shape[1])
    for tile in plan_tiles(shape, side, 10):
        restored = rng.normal(size=total[tile.target].shape).astype(np.float32)
        total[tile.target] += tile.weights * restored
        assert np.isnan(seen[tile.own]).all()
        seen[tile.own] = blending.add(tile, restored)
    np.testing.assert_array_equal(seen, total)
