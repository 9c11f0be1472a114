"""What a run says of itself, read from its record: planes, volumes, and what other programs have written."""

from __future__ import annotations

from typing import Any

import pytest

from napari_deepblur.errors import NoiseError
from napari_deepblur.identification.volumes.identify import FOCUS_NOTE
from napari_deepblur.pipeline.series.told import all_equal, nothing_to_deblur, passed_through, told_in, verdict_in
from napari_deepblur.restoration.verdict import Verdict

GREEN = Verdict("green", 0.02, 1.0, wrong=0.01, expected_db=14.0)
RED = Verdict("red", 0.4, None, unexplained=0.2, suspicions=("It was sharpened.",))


def _record(axes: str, *verdicts: Verdict | None, **more: Any) -> dict[str, Any]:
    frames = [
        {"index": [i] * (len(axes) - 2), "note": "", "residual": None if one is None else one.as_record()}
        for i, one in enumerate(verdicts)
    ]
    return {"axes": axes, "frames": frames, "resolved": {"residual": GREEN.as_record(), "notes": []}, **more}


def test_of_several_frames_the_worst_is_told_with_its_name() -> None:
    told = told_in(_record("TYX", GREEN, RED, None))
    assert (told.verdict, told.of, told.judged) == (RED, "time 1", 2)


def test_a_volume_is_one_frame_of_its_series() -> None:
    record = _record("TZYX", GREEN, RED, stack={"volume": True})
    for entry in record["frames"]:
        entry["index"] = entry["index"][:1]
    assert told_in(record).of == "time 1"


def test_one_volume_is_judged_without_a_name() -> None:
    pupil = {"notes": [FOCUS_NOTE, "Two planes are empty."]}
    told = told_in({"axes": "ZYX", "pupil": pupil, "resolved": {"residual": RED.as_record(), "notes": ["Bleached."]}})
    assert (told.verdict, told.of, told.judged) == (RED, "", 1)
    # That focus is a shift along z is said of every volume.
    assert told.notes == ("Two planes are empty.", "Bleached.")


def test_the_notes_of_frames_are_told() -> None:
    record = _record("TYX", GREEN, GREEN)
    record["frames"][1]["note"] = "time 1: stripes."
    assert told_in(record).notes == ("time 1: stripes.",)


@pytest.mark.parametrize(
    "record",
    [{}, {"resolved": 3}, {"axes": "TYX", "frames": [{"index": [0, 1], "residual": {"light": "green"}}, 4]},
     {"axes": "QWX", "frames": [{"index": [0], "residual": GREEN.as_record()}]}],
)  # fmt: skip
def test_what_cannot_be_understood_counts_as_absent(record: dict[str, Any]) -> None:
    told = told_in(record)
    assert (told.verdict, told.of, told.notes, told.resolution) == (None, "", (), None)


def test_a_verdict_comes_back_from_its_record() -> None:
    assert verdict_in(RED.as_record()) == RED
    assert verdict_in({**RED.as_record(), "light": "blue"}) is None


@pytest.mark.parametrize("frames", ["frames", "stacks"])
def test_why_nothing_was_deblurred_is_said_alike_of_planes_and_volumes(frames: str) -> None:
    equal = [all_equal(f"time {time}", 7.5) for time in range(2)]
    failed = passed_through("time 0", NoiseError("NaN was passed through."))

    assert equal[0] == "time 0: all pixels are 7.5, passed through"
    assert nothing_to_deblur(equal, frames).startswith(f"In each of the 2 {frames} all pixels have the same value")
    assert failed == "time 0 was passed through: NaN was passed through."
    assert nothing_to_deblur([failed, equal[1]], frames) == (
        f"None of the 2 {frames} can be deblurred. time 0: NaN was passed through."
    )
