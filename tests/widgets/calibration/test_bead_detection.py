"""Beads as the preview shows them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.calibration.beads import Reason
from napari_deepblur.calibration.stacks import check_stacks
from napari_deepblur.calibration.survey import survey
from napari_deepblur.errors import CalibrationError
from napari_deepblur.io.images import read_image
from napari_deepblur.samples.beads import BEAD_PATCH_SIZE, bead_sample_path
from napari_deepblur.widgets.calibration.bead_detection import Decision, Detected, State, detect, judge, with_decisions
from napari_deepblur.widgets.calibration.bead_form import BeadChoice

CHOICE = BeadChoice(patch_size=BEAD_PATCH_SIZE)


@pytest.fixture(scope="module")
def found() -> Detected:
    return detect(bead_sample_path())


def _decision(place: NDArray[np.float64], used: bool) -> Decision:
    return Decision(float(place[0]), float(place[1]), used)


def test_the_preview_says_what_calibration_says(found: Detected) -> None:
    stack = check_stacks([read_image(bead_sample_path())], BEAD_PATCH_SIZE)[0]
    for threshold in (None, 300.0):
        seen = survey(stack, BEAD_PATCH_SIZE, None, None, threshold, None, [])
        shown = judge(found, CHOICE._replace(threshold=threshold), [])
        np.testing.assert_array_equal(shown.points, seen.points)
        # Outliers are known only once the beads are compared.
        assert shown.reasons == ["" if r is Reason.OUTLIER else str(r) for r in seen.reasons]
        assert [s is State.KEPT for s in shown.states] == [not r for r in shown.reasons]


def test_decisions_reach_the_nearest_bead_but_not_the_border(found: Detected) -> None:
    free = judge(found, CHOICE, [])
    kept, close = free.states.index(State.KEPT), free.reasons.index("neighbour closer than a patch")
    border = free.reasons.index("near the border")
    decisions = [
        _decision(free.points[kept] + 1.5, used=False),
        _decision(free.points[close], used=True),
        _decision(free.points[border], used=True),
        Decision(-50.0, -50.0, used=False),
    ]
    shown = judge(found, CHOICE, decisions)
    changed = [index for index, (a, b) in enumerate(zip(free.states, shown.states, strict=True)) if a != b]
    assert sorted(changed) == sorted([kept, close])
    assert (shown.states[kept], shown.reasons[kept]) == (State.EXCLUDED, "excluded by hand")
    assert (shown.states[close], shown.reasons[close]) == (State.USED, "")


def test_no_beads_are_no_error() -> None:
    shown = with_decisions(np.zeros((0, 2)), [], [Decision(1.0, 1.0, used=True)])
    assert shown.states == []


def test_a_field_that_is_too_small_for_the_patches_is(found: Detected) -> None:
    with pytest.raises(CalibrationError, match="Choose smaller patches"):
        judge(found, CHOICE._replace(patch_size=121), [])
