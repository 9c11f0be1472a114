"""The part of an image without wide hidden regions: as large as can be, and all of it where that is no gain."""

from __future__ import annotations

import numpy as np

from napari_deepblur.identification.clear_part import clear_part

WHOLE = slice(0, 200), slice(0, 240)


def hidden_where(condition: object) -> np.ndarray:
    return np.broadcast_to(np.asarray(condition, bool), (200, 240)).copy()


ROWS, COLUMNS = np.mgrid[:200, :240]


def test_scattered_pixels_and_thin_lines_cost_nothing() -> None:
    scattered = np.random.default_rng(0).random((200, 240)) < 0.02
    assert clear_part(np.zeros((200, 240), bool), 64) == WHOLE
    assert clear_part(scattered | hidden_where(ROWS == 77), 64) == WHOLE


def test_a_border_on_two_sides_is_left_out() -> None:
    rows, columns = clear_part(hidden_where((ROWS < 48) | (COLUMNS >= 200)), 64)
    assert (rows, columns) == (slice(48, 200), slice(0, 200))


def test_the_rectangle_in_a_round_field_holds_no_hidden_block() -> None:
    outside = hidden_where((ROWS - 100) ** 2 + (COLUMNS - 120) ** 2 > 98**2)
    rows, columns = clear_part(outside, 64)
    assert outside[rows, columns].mean() < 0.01
    assert (rows.stop - rows.start) * (columns.stop - columns.start) > 0.45 * (~outside).sum()


def test_all_is_taken_where_what_is_left_would_be_too_small() -> None:
    grid = hidden_where((ROWS % 40 < 12) | (COLUMNS % 40 < 12))
    assert clear_part(grid, 64) == WHOLE
    assert clear_part(hidden_where(ROWS > 60), 64) == WHOLE


def test_rows_beyond_the_last_whole_block_are_kept() -> None:
    hidden = np.zeros((203, 245), bool)
    hidden[:, :64] = True
    assert clear_part(hidden, 64) == (slice(0, 203), slice(64, 245))
