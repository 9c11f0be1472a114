"""Arrays of more than two axes, frame by frame."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError
from napari_deepblur.pipeline import DeblurSettings, deblur
from napari_deepblur.pipeline.series.frames import Frame, Series, deblur_frames, deblur_frames_steps
from napari_deepblur.progress import Progress, finished

SETTINGS = DeblurSettings(
    microscope={"na": 1.4, "wavelength_um": 0.5, "pixel_size_um": 0.08, "n_immersion": 1.515},
    method="wiener",
    noise=(0.5, 2.0),
)


def _series(*lengths: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng(5)
    scene = rng.uniform(0, 1, (*lengths, 48, 40)).cumsum(-1).cumsum(-2)
    return (100 + 900 * scene / scene.max() + 300 * (rng.uniform(0, 1, scene.shape) > 0.97)).astype(np.uint16)


def _steps(*args: Any) -> tuple[list[Progress], list[Frame], Series]:
    progress: list[Progress] = []
    frames: list[Frame] = []

    def sort(step: Progress | Frame) -> None:
        (frames if isinstance(step, Frame) else progress).append(step)  # type: ignore[arg-type]

    return progress, frames, finished(deblur_frames_steps(*args), sort)


def test_each_frame_is_what_it_would_be_alone(lazy_array: type[Any]) -> None:
    array = _series(1, 2)
    lazy = lazy_array(array)
    seen = list(deblur_frames(lazy, "TCYX", SETTINGS))
    assert [frame.index for frame in seen] == [(0, 0), (0, 1)]
    family = SETTINGS.operator_family((48, 40))
    alone = deblur(array[0, 1], family, noise=SETTINGS.known_noise(), method="wiener")
    np.testing.assert_array_equal(seen[1].image, alone.image)
    assert lazy.read == [(0, c, slice(None), slice(None)) for c in range(2)]


def test_a_frame_is_read_when_its_turn_comes(lazy_array: type[Any]) -> None:
    lazy = lazy_array(_series(3))
    frames = deblur_frames(lazy, "TYX", SETTINGS)
    next(frames)
    assert len(lazy.read) == 1


def test_one_operator_for_all_is_that_of_the_first_frame_of_each_channel() -> None:
    array = _series(2, 2)
    _, once, series = _steps(array, "TCYX", SETTINGS, "first")
    thetas = {frame.index: frame.result.identification.theta for frame in once if frame.result}  # type: ignore[union-attr]
    np.testing.assert_array_equal(thetas[1, 0], thetas[0, 0])
    np.testing.assert_array_equal(thetas[1, 1], thetas[0, 1])
    assert not np.array_equal(thetas[0, 0], thetas[0, 1])
    assert [frame.identified for frame in once] == [True, True, False, False]
    assert [entry["identified"] for entry in series.record["frames"]] == [True, True, False, False]
    each = next(deblur_frames(array[1:], "TCYX", SETTINGS, "each"))
    assert each.identified
    assert not np.array_equal(once[2].image, each.image)


def test_a_constant_frame_is_passed_through_and_named() -> None:
    array = _series(3)
    array[0] = 0
    progress, frames, series = _steps(array, "ZYX", SETTINGS, "first")
    assert frames[0].result is None
    np.testing.assert_array_equal(frames[0].image, 0)
    assert series.notes == ("depth 0: all pixels are 0, passed through",)
    # The first frame that holds something stands for all.
    assert [frame.identified for frame in frames] == [False, True, False]
    assert series.first is frames[1].result
    assert series.record["frames"][0] == {
        "index": [0], "identified": False, "note": series.notes[0], "theta": None, "theta_std": None, "noise": None
    }  # fmt: skip
    assert json.loads(json.dumps(series.record)) == series.record
    assert series.record["image"]["shape"] == [3, 48, 40]
    done = [step.done for step in progress]
    assert done == sorted(done)
    assert {step.total for step in progress} == {300}
    assert done[-1] == 300
    assert (progress[-1].stage, progress[-1].detail) == ("deblur", "3/3")


def test_a_dark_series_and_a_bad_frame_are_explained() -> None:
    with pytest.raises(ImageError, match="each of the 2 frames"):
        list(deblur_frames(np.zeros((2, 48, 40)), "TYX", SETTINGS))
    array = _series(2).astype(float)
    array[1, 3, 3] = np.nan
    with pytest.raises(ImageError, match=r"^time 1: .*NaN"):
        list(deblur_frames(array, "TYX", SETTINGS))
    with pytest.raises(ImageError, match="same value"):
        list(deblur_frames(np.zeros((48, 40)), "YX", SETTINGS))
