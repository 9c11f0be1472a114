"""Arrays as sinks."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from napari_deepblur.errors import OutputError
from napari_deepblur.io.sinks import ArraySink, Form, empty_result
from napari_deepblur.io.sinks import array as arrays_module

PIXELS = np.arange(6, dtype=np.float32).reshape(2, 3) + 0.6
REGION = (slice(1, 3), slice(0, 3))


@pytest.mark.parametrize("axes", ["CYX", "YXC", "YCX", "XCY"])
def test_parts_go_to_their_place_whatever_the_order_of_the_axes(axes: str) -> None:
    lengths = {"C": 2, "Y": 4, "X": 5}
    sink = ArraySink()
    sink.open(Form(tuple(lengths[letter] for letter in axes), axes, np.dtype(np.float32)))
    sink.write((1,), REGION, PIXELS)
    image = np.moveaxis(sink.finish({}), [axes.index(letter) for letter in "CYX"], [0, 1, 2])
    np.testing.assert_array_equal(image[1, 1:3, :3], PIXELS)
    assert image.sum() == pytest.approx(PIXELS.sum())


def test_an_array_that_was_given_is_written_and_returned() -> None:
    given = np.zeros((4, 5), np.uint8)
    sink = ArraySink(given)
    form = Form((4, 5), "YX", np.dtype(np.float32))
    assert sink.refusal(form) == ""
    sink.open(form)
    sink.write((), REGION, PIXELS - 2)
    assert sink.finish({}) is given
    assert given[1:3, :3].tolist() == [[0, 0, 1], [2, 3, 4]]


def test_arrays_that_do_not_fit_are_refused() -> None:
    form = Form((4, 5), "YX", np.dtype(np.float32))
    assert "shape (5, 4), but the result (4, 5)" in ArraySink(np.zeros((5, 4))).refusal(form)
    assert "type complex128" in ArraySink(np.zeros((4, 5), complex)).refusal(form)
    closed = np.zeros((4, 5))
    closed.flags.writeable = False
    assert "read-only" in ArraySink(closed).refusal(form)


def test_a_large_result_lies_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(empty_result((2, 3)), np.memmap)
    monkeypatch.setattr(arrays_module, "_LARGEST_IN_MEMORY", 100)
    large = empty_result((4, 5, 6), np.float32)
    assert isinstance(large, np.memmap)
    assert large.shape == (4, 5, 6)
    view = large[1:]
    view[0] = 2
    assert large.sum() == 60
    del large
    view[0] = 3
    assert view.sum() == 90


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system does not reserve room in files")
def test_a_full_disk_is_found_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(arrays_module, "_LARGEST_IN_MEMORY", 100)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"no room for a result of .* GiB in .*TMPDIR"):
        ArraySink().open(Form((4, 5, 6), "TYX", np.dtype(np.float32)))
