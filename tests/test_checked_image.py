"""Images: what is accepted, and what is refused and why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_deepblur.checked_image import check_image
from napari_deepblur.errors import ImageError

COUNTS = np.random.default_rng(0).integers(0, 100, (20, 24))

TYPES = ["u1", "i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">i4", "<u8", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]


@pytest.mark.parametrize("dtype", TYPES)
def test_every_number_type_and_byte_order_becomes_native_float32(dtype: str) -> None:
    checked = check_image(COUNTS.astype(dtype))
    assert checked.dtype == np.float32
    assert checked.dtype.isnative
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, COUNTS)


def test_a_mask_of_two_values_is_no_image() -> None:
    with pytest.raises(ImageError, match="a mask of two values"):
        check_image(COUNTS > 50)


def test_views_in_any_order_keep_their_pixels_and_are_not_changed() -> None:
    whole = np.random.default_rng(1).normal(-5, 3, (64, 80)).astype(np.float32)
    before = whole.copy()
    for view in (whole[::2, ::3], whole.T, whole[::-1, ::-1], np.asfortranarray(whole)):
        np.testing.assert_array_equal(check_image(view), view)
    np.testing.assert_array_equal(whole, before)


def test_negative_values_and_large_offsets_are_data() -> None:
    image = COUNTS.astype(np.float64) - 1e5
    np.testing.assert_array_equal(check_image(image), image.astype(np.float32))


def _with(value: float, dtype: str = "f4") -> np.ndarray:
    image = COUNTS.astype(dtype)
    image[3, 5] = value
    return image


REFUSED = {
    "empty": (np.zeros((0, 0)), "0 x 0"),
    "one_axis": (np.arange(50.0), "1 axes"),
    "no_axis": (np.float32(3), "0 axes"),
    "five_pixels": (COUNTS[:5, :5], "5 x 5"),
    "five_in_a_row": (COUNTS[:1, :5], "1 x 5"),
    "stack": (np.zeros((4, 20, 20)), "3 axes"),
    "colour": (np.zeros((20, 20, 3)), "one channel"),
    "nan": (_with(np.nan), "1 of 480"),
    "inf": (_with(np.inf), "1 of 480"),
    "minus_inf_half": (_with(-np.inf, "f2"), "1 of 480"),
    "beyond_float32": (_with(1e300, "f8"), "1 of 480"),
    "squares_overflow": (_with(1e35), "1 of 480"),
    "constant": (np.full((20, 20), 7), "same value, 7"),
    "constant_in_float32": (1e9 + 1e-3 * COUNTS, "same value"),
    "black_mask": (np.zeros((20, 20), bool), "is a mask"),
    "complex": (COUNTS + 1j, "complex128"),
    "text": (COUNTS.astype(str), "type"),
    "objects": (COUNTS.astype(object), "object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_processed_is_one_diagnosis(name: str) -> None:
    image, words = REFUSED[name]
    with pytest.raises(ImageError, match=words) as caught:
        check_image(image)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_an_image_smaller_than_the_psf_is_refused_with_both_sizes() -> None:
    check_image(COUNTS, smallest=20)
    with pytest.raises(ImageError, match=r"20 x 24 pixels, expected at least 21"):
        check_image(COUNTS, smallest=21)


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int16, np.uint8]),
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=18),
    )
)
def test_any_array_is_accepted_as_it_is_or_refused_with_an_image_error(image: np.ndarray) -> None:
    try:
        checked = check_image(image)
    except ImageError:
        return
    assert checked.shape == image.shape
    assert np.isfinite(checked).all()
    assert checked.max() > checked.min()
    np.testing.assert_array_equal(checked, image.astype(np.float32))
