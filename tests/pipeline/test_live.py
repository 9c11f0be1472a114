"""Frames as they come, from sources that are faster than the work, and from one that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur.errors import ImageError
from napari_deepblur.pipeline import DeblurSettings, deblur_steps
from napari_deepblur.pipeline.live import LiveCounts, LiveFrame, live_steps
from napari_deepblur.pipeline.newest_frame import NewestFrame
from napari_deepblur.progress import Progress, finished

SETTINGS = DeblurSettings(theta=(0.0,) * 8, method="wiener", device="cpu")


def _plane(seed: int = 0) -> NDArray[np.uint16]:
    rng = np.random.default_rng(seed)
    return rng.poisson(100 + 400 * gaussian_filter(rng.uniform(0, 1, (48, 52)), 2)).astype(np.uint16)


def _until_frame(steps: Iterator[Progress | LiveFrame]) -> LiveFrame:
    return next(step for step in steps if isinstance(step, LiveFrame))


def test_the_newest_is_taken_and_the_others_are_counted() -> None:
    frames = NewestFrame()
    steps = live_steps(frames, SETTINGS)
    for seed in range(3):
        frames.put(_plane(seed))
    first = _until_frame(steps)
    assert (first.number, first.counts) == (2, LiveCounts(arrived=3, restored=1, dropped=2))
    assert first.result is not None
    np.testing.assert_array_equal(first.result.image, finished(deblur_steps(_plane(2), SETTINGS)).image)
    # A camera that says how many frames nobody saw.
    frames.put(_plane(3), missed=4)
    second = _until_frame(steps)
    assert (second.number, second.counts) == (7, LiveCounts(arrived=8, restored=2, dropped=6))


def test_a_source_that_is_faster_than_the_work_loses_no_count() -> None:
    frames, made = NewestFrame(), 200

    def shoot() -> None:
        for seed in range(made):
            frames.put(_plane(seed))
            time.sleep(0.001)
        frames.close()

    camera = threading.Thread(target=shoot)
    camera.start()
    numbers: list[int] = []
    steps = live_steps(frames, SETTINGS)
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            counts: LiveCounts = stop.value
            break
        if isinstance(step, LiveFrame):
            numbers.append(step.number)
            assert step.counts.restored + step.counts.dropped <= step.counts.arrived
    camera.join()
    assert numbers == sorted(set(numbers))
    # Whatever is dropped, the last frame is not.
    assert numbers[-1] == made - 1
    assert counts == LiveCounts(arrived=made, restored=len(numbers), dropped=made - len(numbers))
    assert counts.dropped > 0


def test_while_nothing_comes_it_can_be_stopped() -> None:
    steps = live_steps(NewestFrame(), SETTINGS)
    begun = time.monotonic()
    assert next(steps) == Progress("wait", 0, 0)
    assert time.monotonic() - begun < 5
    steps.close()


def test_a_source_that_fails_ends_the_run_with_its_reason() -> None:
    frames = NewestFrame()
    steps = live_steps(frames, SETTINGS)
    frames.put(_plane())
    frames.fail(OSError("camera unplugged"))
    # What came before is still done.
    assert _until_frame(steps).result is not None
    with pytest.raises(ImageError, match=r"source of the frames failed .*camera unplugged"):
        _until_frame(steps)


def test_a_frame_that_cannot_be_read_is_a_failure_of_the_source() -> None:
    def read() -> NDArray[np.uint16]:
        raise OSError("no such chunk")

    frames = NewestFrame()
    frames.put(read)
    with pytest.raises(ImageError, match="no such chunk"):
        next(live_steps(frames, SETTINGS))


def test_a_frame_without_anything_in_it_is_named_and_the_next_is_done() -> None:
    frames = NewestFrame()
    steps = live_steps(frames, SETTINGS)
    frames.put(np.full((48, 52), 7, np.uint16))
    dark = _until_frame(steps)
    assert dark.result is None and "same value" in dark.note
    assert dark.counts == LiveCounts(arrived=1, refused=1)
    # Of another size: a camera with another region.
    frames.put(_plane()[:40, :44])
    other = _until_frame(steps)
    assert other.result is not None and other.result.image.shape == (40, 44)


def test_a_closed_place_takes_nothing_more() -> None:
    frames = NewestFrame()
    frames.close()
    frames.put(_plane())
    assert frames.is_closed() and frames.take(0) is None
