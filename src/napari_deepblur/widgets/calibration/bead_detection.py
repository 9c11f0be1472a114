"""Beads as the preview shows them: found once for an image, then judged anew whenever the threshold moves."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.calibration.reasons import Reason
from napari_deepblur.calibration.stacks import check_stacks
from napari_deepblur.widgets.calibration.bead_sources import read_beads

if TYPE_CHECKING:
    from napari_deepblur.calibration.beads import Candidates
    from napari_deepblur.widgets.calibration.bead_form import BeadChoice

_MOST = 2000
"""Spots that are kept for the slider: more than any field has beads, so many that it stays quick."""

_SMALLEST_PATCH = 9

CLICK_PIXELS = 5.0
"""Two positions closer together than this are the same bead: as far as calibration allows for a decision by hand."""


class State(StrEnum):
    """What becomes of a bead."""

    KEPT = "kept"
    REJECTED = "rejected"
    USED = "used by hand"
    EXCLUDED = "excluded by hand"


class Decision(NamedTuple):
    """What the user decided about the bead at a place, in pixels."""

    row: float
    column: float
    used: bool


class Detected(NamedTuple):
    """All spots of an image, brightest first, however faint.

    Attributes
    ----------
    stack
        The image, shape (planes, rows, columns).
    spots
        Its brightest spots.
    automatic
        The threshold that the noise suggests: that of the faintest bead that is found without one.
    """

    stack: NDArray[np.generic]
    spots: Candidates
    automatic: float


class ShownBeads(NamedTuple):
    """Beads to show, n of them.

    Attributes
    ----------
    points
        Rows and columns in pixels, shape (n, 2).
    states
        What becomes of each.
    reasons
        Why it is not used; empty where it is.
    """

    points: NDArray[np.float64]
    states: list[State]
    reasons: list[str]


def detect(data: Any) -> Detected:
    """Read an image and find all its spots; slow, for another thread.

    Parameters
    ----------
    data
        An array, or the path of a file; see `BeadSource.data`.

    Raises
    ------
    ImageError, CalibrationError
        If it cannot be read, or cannot be a stack of beads.
    """
    from napari_deepblur.calibration.beads import Candidates, find_beads

    stack = check_stacks([read_beads(data)], _SMALLEST_PATCH)[0]
    chosen = find_beads(stack)
    spots = find_beads(stack, threshold=0.0)
    spots = Candidates(spots.points[:_MOST], spots.response[:_MOST], spots.plane)
    faintest = chosen.response.min() if len(chosen.response) else spots.response.max(initial=1.0)
    return Detected(stack, spots, float(faintest))


def judge(found: Detected, choice: BeadChoice, decisions: Sequence[Decision]) -> ShownBeads:
    """Say what becomes of the beads above the threshold.

    Outliers against the template are known only after a calibration: here they still count as kept.

    Parameters
    ----------
    found
        The spots.
    choice
        Threshold, patch size and saturation.
    decisions
        By hand.

    Raises
    ------
    CalibrationError
        If the field is too small for the patches.
    """
    from napari_deepblur.calibration.beads import Candidates, reject
    from napari_deepblur.calibration.centring import margin_for

    check_stacks([found.stack], choice.patch_size)
    threshold = found.automatic if choice.threshold is None else choice.threshold
    loud = found.spots.response >= threshold
    beads = Candidates(found.spots.points[loud], found.spots.response[loud], found.spots.plane)
    margin = margin_for(choice.patch_size)
    reasons = reject(found.stack, beads, choice.patch_size, margin, choice.saturation)
    return with_decisions(beads.points, reasons, decisions)


def with_decisions(points: NDArray[np.float64], reasons: Sequence[Reason], decisions: Sequence[Decision]) -> ShownBeads:
    """Put the user's decisions beside the program's verdicts.

    Parameters
    ----------
    points
        Rows and columns of the beads in pixels, shape (n, 2).
    reasons
        The verdicts, perhaps with earlier decisions in them.
    decisions
        By hand; the nearest bead is meant. Beads near the border have no whole patch, and stay rejected.
    """
    states = [State.KEPT if reason is Reason.KEPT else State.REJECTED for reason in reasons]
    words = [str(reason) for reason in reasons]
    for row, column, used in decisions:
        distance = np.hypot(*(points - (row, column)).T)
        if len(distance) and distance.min() <= CLICK_PIXELS and reasons[distance.argmin()] is not Reason.BORDER:
            states[distance.argmin()] = State.USED if used else State.EXCLUDED
            words[distance.argmin()] = "" if used else str(Reason.USER)
    return ShownBeads(points, states, words)
