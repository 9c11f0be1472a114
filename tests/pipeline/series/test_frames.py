"""Arrays of more than two axes, frame by frame."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur.errors import DeviceError, ImageError, NoiseError, OutputError
from napari_deepblur.io.sinks import ArraySink, Form, Region, Sink
from napari_deepblur.pipeline import DeblurSettings, deblur
from napari_deepblur.pipeline.series.frames import deblur_stack_steps
from napari_deepblur.pipeline.series.outcome import Frame, StackDeblurring, Written
from napari_deepblur.pipeline.series.told import verdict_in
from napari_deepblur.progress import Progress, finished
from napari_deepblur.restoration.verdict import badness
from tests.pipeline.series.frames_of import frames_of

# What is identified does not matter here.
pytestmark = pytest.mark.usefixtures("short_fit")

SETTINGS = DeblurSettings(
    microscope={"na": 1.4, "wavelength_um": 0.5, "pixel_size_um": 0.08, "n_immersion": 1.515},
    method="wiener",
    noise=(0.5, 2.0),
)


def _series(*lengths: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng(5)
    scene = rng.uniform(0, 1, (*lengths, 48, 40)).cumsum(-1).cumsum(-2)
    points = gaussian_filter((rng.uniform(0, 1, scene.shape) > 0.97).astype(float), (*[0] * len(lengths), 1.2, 1.2))
    return (100 + 900 * scene / scene.max() + 2700 * points).astype(np.uint16)


def _steps(array: Any, axes: str, *args: Any) -> tuple[list[Progress], list[Frame], StackDeblurring]:
    progress: list[Progress] = []
    frames: list[Frame] = []

    def sort(step: Progress | Written | Frame) -> None:
        if isinstance(step, Frame):
            frames.append(step)
        elif isinstance(step, Progress):
            progress.append(step)

    return progress, frames, finished(deblur_stack_steps(array, axes, args[0], ArraySink(), *args[1:]), sort)


def test_each_frame_is_what_it_would_be_alone(lazy_array: type[Any]) -> None:
    array = _series(1, 2)
    lazy = lazy_array(array)
    seen = list(frames_of(lazy, "TCYX", SETTINGS))
    assert [frame.index for frame in seen] == [(0, 0), (0, 1)]
    family = SETTINGS.operator_family((48, 40))
    alone = deblur(array[0, 1], family, noise=SETTINGS.known_noise(), method="wiener")
    np.testing.assert_array_equal(seen[1].image, alone.image)
    assert lazy.read == [(0, c, slice(None), slice(None)) for c in range(2)]


def test_a_frame_is_read_when_its_turn_comes(lazy_array: type[Any]) -> None:
    lazy = lazy_array(_series(3))
    frames = frames_of(lazy, "TYX", SETTINGS)
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
    each = next(frames_of(array[1:], "TCYX", SETTINGS, "each"))
    assert each.identified
    assert not np.array_equal(once[2].image, each.image)


def test_each_frame_is_judged_and_the_series_by_its_worst() -> None:
    array = np.pad(_series(3), [(0, 0), (24, 24), (24, 24)], mode="symmetric")
    array[1] = np.random.default_rng(0).integers(0, 60000, array[1].shape)
    _, frames, series = _steps(array, "TYX", SETTINGS.replace(theta=(0.0,) * 8))
    verdicts = [frame.result.verdict for frame in frames if frame.result and frame.result.verdict]
    assert len(verdicts) == 3 and len(set(verdicts)) == 3
    assert [verdict_in(entry["residual"]) for entry in series.record["frames"]] == verdicts
    assert series.verdict == max(verdicts, key=badness)


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
        "index": [0], "identified": False, "note": series.notes[0], "theta": None, "theta_std": None, "noise": None,
        "residual": None,
    }  # fmt: skip
    assert json.loads(json.dumps(series.record)) == series.record
    assert series.record["image"]["shape"] == [3, 48, 40]
    done = [step.done for step in progress]
    assert done == sorted(done)
    assert {step.total for step in progress} == {300}
    assert done[-1] == 300
    assert (progress[-1].stage, progress[-1].detail) == ("deblur", "3/3")


def test_a_frame_that_cannot_be_deblurred_does_not_lose_the_others() -> None:
    """NaN, an infinity, equal pixels: passed through and named, wherever they are."""
    array = _series(5).astype(np.float32)
    (alone,) = frames_of(array[1:2], "TYX", SETTINGS)
    array[0, 3, 3] = np.nan
    array[2] = 7
    array[4, 0, 0] = np.inf
    _, frames, series = _steps(array, "TYX", SETTINGS, "first")
    assert [frame.result is None for frame in frames] == [True, False, True, False, True]
    assert series.first is frames[1].result and frames[1].identified
    assert [note.split(":")[0] for note in series.notes] == [
        "time 0 was passed through",
        "time 2",
        "time 4 was passed through",
    ]
    assert "1 of 1920 pixels are NaN" in series.notes[0]
    np.testing.assert_array_equal(series.image[[0, 2, 4]], array[[0, 2, 4]])
    np.testing.assert_array_equal(series.image[1], alone.image)
    assert series.record["frames"][4]["note"] == series.notes[2] and series.record["frames"][4]["theta"] is None
    assert json.loads(json.dumps(series.record)) == series.record


def test_noise_that_cannot_be_estimated_is_a_matter_of_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(plane: NDArray[np.float32], *_: Any) -> Any:
        if plane.max() > 2500:
            raise NoiseError("cannot be estimated")
        return SETTINGS.known_noise()

    monkeypatch.setattr("napari_deepblur.noise.evidence.estimate_noise", refuse)
    array = _series(2)
    array[0] *= 3
    _, frames, series = _steps(array, "TYX", SETTINGS.replace(noise="estimate", theta=(0.05,) * 8))
    assert [frame.result is None for frame in frames] == [True, False]
    assert series.notes == ("time 0 was passed through: cannot be estimated",)


def test_what_is_wrong_with_all_frames_is_an_error() -> None:
    with pytest.raises(ImageError, match="each of the 2 frames"):
        list(frames_of(np.zeros((2, 48, 40)), "TYX", SETTINGS))
    with pytest.raises(ImageError, match=r"None of the 2 frames can be deblurred. time 0: .*NaN"):
        list(frames_of(np.full((2, 48, 40), np.nan), "TYX", SETTINGS))
    with pytest.raises(ImageError, match="same value"):
        list(frames_of(np.zeros((48, 40)), "YX", SETTINGS))


def test_a_device_that_fails_ends_the_run_with_the_name_of_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise DeviceError("no memory")
        yield

    monkeypatch.setattr("napari_deepblur.pipeline.run.restored_parts_steps", fail)
    with pytest.raises(DeviceError, match=r"^time 0: no memory"):
        list(frames_of(_series(2), "TYX", SETTINGS))


def test_parts_are_written_once_and_are_there_when_it_is_said() -> None:
    """Tiles own disjoint parts; each is in the array, as it stays, when its part is yielded."""
    rng = np.random.default_rng(0)
    array = rng.poisson(rng.gamma(0.5, 100, (2, 200, 300))).astype(np.uint16)
    settings = SETTINGS.replace(tile=128, theta=(0.05,) * 8, iterations=5)
    sink, count = ArraySink(), np.zeros((2, 200, 300), int)
    seen: list[tuple[Any, NDArray[np.float32]]] = []

    def look(step: Any) -> None:
        if isinstance(step, Written):
            where = (*step.index, *step.region)
            count[where] += 1
            seen.append((where, sink.array[where].copy()))

    series = finished(deblur_stack_steps(array, "TYX", settings, sink), look)
    assert (count == 1).all() and len(seen) > 8
    assert series.image is sink.array
    for where, pixels in seen:
        np.testing.assert_array_equal(series.image[where], pixels)
    family = settings.operator_family((200, 300))
    alone = deblur(array[1], family, settings.blur.theta, settings.known_noise(), "wiener", tile=128, iterations=5)
    np.testing.assert_array_equal(series.image[1], alone.image)


class _Noted(Sink):
    """An array that says what was done with it."""

    def __init__(self, said: str = "") -> None:
        self.said, self.calls, self.array = said, list[str](), ArraySink()

    def refusal(self, form: Form) -> str:
        self.calls.append("refusal")
        return self.said

    def open(self, form: Form) -> None:
        self.calls.append("open")
        self.array.open(form)

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        self.array.write(index, region, pixels)

    def unfinished(self) -> None:
        return None

    def finish(self, record: Mapping[str, Any]) -> Any:
        self.calls.append("finish")
        return self.array.finish(record)

    def abandon(self) -> None:
        self.calls.append("abandon")


def test_a_sink_says_no_before_anything_is_computed_and_is_given_up_where_a_run_ends() -> None:
    sink = _Noted("no room")
    with pytest.raises(OutputError, match=r"^no room$"):
        next(deblur_stack_steps(_series(2), "TYX", SETTINGS, sink))
    assert sink.calls == ["refusal"]
    sink = _Noted()
    with pytest.raises(ImageError):
        finished(deblur_stack_steps(np.zeros((2, 48, 40)), "TYX", SETTINGS, sink))
    assert sink.calls == ["refusal", "open", "abandon"]
    sink = _Noted()
    steps = deblur_stack_steps(_series(2), "TYX", SETTINGS, sink)
    next(steps)
    steps.close()
    assert sink.calls == ["refusal", "open", "abandon"]
    sink = _Noted()
    finished(deblur_stack_steps(_series(1), "TYX", SETTINGS, sink))
    assert sink.calls == ["refusal", "open", "finish"]
