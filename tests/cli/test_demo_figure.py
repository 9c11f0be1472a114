"""The parts of the demo's figure that can be wrong without looking wrong."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_deepblur.cli.demo_figure import interesting_place, round_length


@given(st.floats(1e-3, 1e5))
def test_scale_bars_are_round_and_as_long_as_fits(longest: float):
    length = round_length(longest)
    mantissa = length / 10 ** math.floor(math.log10(length) + 1e-9)
    assert round(mantissa, 6) in (1, 2, 5)
    assert longest / 2.5 - 1e-9 <= length <= longest * (1 + 1e-8)


def test_the_marked_square_is_where_the_detail_is():
    image = np.zeros((90, 120), np.float32)
    image[40:60, 70:90] = np.random.default_rng(0).uniform(size=(20, 20))
    top, left, side = interesting_place(image)
    assert side == 30
    assert top <= 40 and 60 <= top + side <= 90
    assert left <= 70 and 90 <= left + side <= 120
