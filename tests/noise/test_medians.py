import numpy as np
import pytest
from scipy.ndimage import median_filter

from napari_deepblur.noise.medians import median_of_nine


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (3, 5), (40, 31)])
def test_median_of_nine_is_that_of_the_rank_filter(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).normal(size=shape).round(1)
    np.testing.assert_array_equal(median_of_nine(pixels), median_filter(pixels, 3, mode="mirror"))
