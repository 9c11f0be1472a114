"""Local PSFs compared."""

from __future__ import annotations

import numpy as np

from benchmarks.field.kernels import decibels, even_points


def test_decibels_of_equal_and_of_halved_psfs() -> None:
    psfs = np.ones((2, 3, 3), np.float32)
    np.testing.assert_allclose(decibels(psfs, psfs / 2), 20 * np.log10(2), rtol=1e-5)
    assert decibels(psfs, psfs).min() > 100


def test_places_are_evenly_spaced() -> None:
    np.testing.assert_allclose(even_points((100, 40)), [[24.5, 9.5], [24.5, 29.5], [74.5, 9.5], [74.5, 29.5]])
