"""PSFs between the windows that they were seen in."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.identification.local_average import interpolated
from napari_deepblur.identification.local_views import Window
from napari_deepblur.identification.results import Identification
from napari_deepblur.noise import PoissonGaussianNoise


def _seen(level: float, spread: float) -> Identification:
    one = np.zeros(1, np.float32)
    psf = np.full((1, 3, 3), level, np.float32)
    noise = PoissonGaussianNoise(0, 0)
    return Identification(one, one, psf, np.array([spread], np.float32), one[None], noise, ("x",), one > 0)


def _windows(rows: int, columns: int) -> list[Window]:
    nothing = slice(0, 1)
    return [
        Window(nothing, nothing, np.array([10.0 + 20 * r, 10.0 + 20 * c])) for r in range(rows) for c in range(columns)
    ]


def test_where_windows_are_sure_they_decide_and_lie_on_lines() -> None:
    """Sure windows against an image that knows nothing: bilinear between the middles, constant beyond."""
    local = [_seen(level, 0.0) for level in (0.0, 1.0, 2.0, 3.0)]
    points = np.array([[10.0, 10.0], [10.0, 30.0], [30.0, 10.0], [20.0, 20.0], [-50.0, 400.0]])
    found = interpolated(_windows(2, 2), local, _seen(9.0, 1e9), points)
    np.testing.assert_allclose(found.psfs[:, 1, 1], [0, 1, 2, 1.5, 1], atol=1e-5)


def test_where_windows_know_nothing_the_image_decides() -> None:
    local = [_seen(level, 1e9) for level in (0.0, 1.0)]
    found = interpolated(_windows(1, 2), local, _seen(9.0, 0.2), np.array([[0.0, 0.0], [10.0, 25.0]]))
    np.testing.assert_allclose(found.psfs, 9, rtol=1e-5)


def test_equal_weights_give_the_mean_and_the_spread_is_their_harmonic_mean() -> None:
    # 0.1 and 0.03 are added for the variation over the field, and inside a window.
    found = interpolated(_windows(1, 1), [_seen(1.0, 0.27)], _seen(3.0, 0.2), np.array([[3.0, 4.0]]))
    np.testing.assert_allclose(found.psfs, 2, rtol=1e-5)
    assert found.spread[0] == pytest.approx(0.3, rel=1e-5)
