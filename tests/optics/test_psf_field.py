"""The picture of the PSFs over the field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics.psf_field import psf_field


def _psf(size: int, seed: int = 0) -> np.ndarray:
    psf = np.random.default_rng(seed).uniform(0.1, 1, (size, size)).astype(np.float32)
    psf[size // 2, size // 2] = 3
    return psf / psf.sum()


def test_each_psf_is_drawn_at_its_point_and_stretched_to_one() -> None:
    psfs = np.stack([_psf(5, 0), 100 * _psf(5, 1)])
    picture = psf_field(psfs, np.array([[10, 7], [20, 30]], dtype=np.float32), (32, 40))
    np.testing.assert_allclose(picture[8:13, 5:10], psfs[0] / psfs[0].max(), rtol=1e-6)
    np.testing.assert_allclose(picture[18:23, 28:33], psfs[1] / psfs[1].max(), rtol=1e-6)
    assert np.count_nonzero(picture) == 50


def test_what_lies_beyond_the_field_is_cut_off() -> None:
    psfs = np.stack([_psf(7, 0), _psf(7, 1), _psf(7, 2)])
    picture = psf_field(psfs, np.array([[0, 0], [15, 19], [100, 100]], dtype=np.float32), (16, 20))
    np.testing.assert_allclose(picture[:4, :4], psfs[0][3:, 3:] / psfs[0].max(), rtol=1e-6)
    np.testing.assert_allclose(picture[-4:, -4:], psfs[1][:4, :4] / psfs[1].max(), rtol=1e-6)
    assert np.count_nonzero(picture) == 32


def test_a_single_psf_is_repeated_over_the_whole_field() -> None:
    psf = _psf(11)[None]
    picture = psf_field(psf, np.array([[99.5, 99.5]], dtype=np.float32), (200, 100))
    rows, columns = np.nonzero(picture == 1)
    assert len(rows) == 5 * 4
    np.testing.assert_array_equal(np.bincount(rows // 40), [4, 4, 4, 4, 4])
    np.testing.assert_array_equal(np.bincount(columns // 25), [5, 5, 5, 5])
    # Copies stay apart, and none is cut off.
    assert np.diff(np.unique(columns)).min() >= 2 * 11
    assert columns.min() >= 5
    assert columns.max() < 100 - 5


@given(st.integers(3, 40), st.integers(3, 40), st.integers(0, 5).map(lambda n: 2 * n + 1))
def test_any_field_shows_a_psf_within_bounds(height: int, width: int, size: int) -> None:
    picture = psf_field(_psf(size)[None], np.zeros((1, 2), dtype=np.float32), (height, width))
    assert picture.shape == (height, width)
    assert picture.dtype == np.float32
    assert picture.max() == 1
    assert picture.min() >= 0


def test_points_that_do_not_match_are_refused() -> None:
    with pytest.raises(FamilyError, match=r"\(2, 5, 5\).*\(3, 2\)"):
        psf_field(np.ones((2, 5, 5), np.float32), np.zeros((3, 2), np.float32), (16, 16))
