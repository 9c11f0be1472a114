"""One stack surveyed: its beads found, judged and centred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.calibration.bead_filter import bead_filter
from napari_deepblur.calibration.beads import find_beads, reject
from napari_deepblur.calibration.camera_pixels import without_outliers
from napari_deepblur.calibration.centring import Centred, centre, cut, margin_for, outliers
from napari_deepblur.calibration.reasons import Reason
from napari_deepblur.calibration.results import BeadTable
from napari_deepblur.calibration.selection import FEWEST_BEADS
from napari_deepblur.errors import CalibrationError
from napari_deepblur.optics import Microscope

_CLICK_PIXELS = 5.0
"""How far from a bead a decision by hand may point."""


class Survey(NamedTuple):
    """What one stack shows: candidates, verdicts, and the centred ones, of which `used` tells their index."""

    points: NDArray[np.float64]
    reasons: list[Reason]
    used: list[int]
    centred: Centred | None

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which of the used ones were kept in the end."""
        return np.array([self.reasons[index] is Reason.KEPT for index in self.used], dtype=bool)


def survey(
    stack: NDArray[np.generic],
    patch_size: int,
    microscope: Microscope | None,
    diameter_um: float | None,
    threshold: float | None,
    saturation: float | None,
    decided: Sequence[tuple[float, float, bool]],
) -> Survey:
    """Find, judge and centre the beads of one stack."""
    margin = margin_for(patch_size)
    stack, stuck = without_outliers(stack, microscope)
    found = find_beads(stack, threshold=threshold)
    reasons = reject(stack, found, patch_size, margin, saturation)
    by_hand = set()
    for row, column, use in decided:
        distance = np.hypot(*(found.points - (row, column)).T)
        # Near the border there is no whole patch, whatever the user wants.
        if len(distance) and distance.min() <= _CLICK_PIXELS and reasons[distance.argmin()] is not Reason.BORDER:
            reasons[distance.argmin()] = Reason.KEPT if use else Reason.USER
            by_hand |= {int(distance.argmin())} if use else set()
    used = _kept(reasons)
    points = np.concatenate([found.points, stuck])
    reasons += [Reason.PIXEL] * len(stuck)
    if len(used) < FEWEST_BEADS:
        return Survey(points, reasons, used, None)
    squares = cut(stack, found.points[used], patch_size + 2 * margin)
    side = squares.shape[-1]
    optics = None if microscope is None else bead_filter((side, side), microscope, diameter_um)
    centred = centre(squares, patch_size, optics)
    for index, outlier in zip(used, outliers(centred.residual) | (centred.amplitude <= 0), strict=True):
        if outlier and index not in by_hand:
            reasons[index] = Reason.OUTLIER
    return Survey(points, reasons, used, centred)


def bead_table(seen: Sequence[Survey]) -> BeadTable:
    """Put the candidates of all stacks into one table."""
    columns: dict[str, list[NDArray[np.float64]]] = {"points": [], "amplitude": [], "background": [], "residual": []}
    for part in seen:
        assert part.centred is not None
        points = part.points.copy()
        points[part.used] += part.centred.shifts
        columns["points"].append(points)
        for name in ("amplitude", "background", "residual"):
            values = np.full(len(points), np.nan)
            values[part.used] = getattr(part.centred, name)
            columns[name].append(values)
    points = np.concatenate(columns["points"])
    reasons = tuple(reason for part in seen for reason in part.reasons)
    return BeadTable(
        stack=np.concatenate([np.full(len(part.points), index) for index, part in enumerate(seen)]),
        row=points[:, 0],
        column=points[:, 1],
        amplitude=np.concatenate(columns["amplitude"]),
        background=np.concatenate(columns["background"]),
        residual=np.concatenate(columns["residual"]),
        kept=np.array([reason is Reason.KEPT for reason in reasons]),
        reason=reasons,
    )


def too_few(index: int, n_stacks: int, reasons: Sequence[Reason], name: str = "") -> CalibrationError:
    """Make the error that says how many beads are missing, and why; a stack that has no name is called by its index."""
    kept = len(_kept(reasons))
    counts = [f"{reasons.count(r)} {r}" for r in Reason if r is not Reason.KEPT and r in reasons]
    why = f"; rejected: {', '.join(counts)}" if counts else ""
    name = name or (f"Stack {index}" if n_stacks > 1 else "The stack")
    if not reasons:
        advice = (
            "Nothing in it stands out as a bead. Is it an image of bright beads on a dark background? Lower the "
            "threshold for fainter ones"
        )
    elif kept == len(reasons):
        advice = "All that were found are good: take an image with more beads, or lower the threshold for fainter ones"
    elif len(reasons) < FEWEST_BEADS:
        advice = "Lower the threshold, or take an image with more beads"
    elif kept + reasons.count(Reason.SATURATED) >= FEWEST_BEADS:
        advice = "Expose more briefly, or take dimmer beads; if the camera is not full there, state its saturation"
    elif kept + reasons.count(Reason.PIXEL) >= FEWEST_BEADS:
        advice = "Check that it shows bright beads on a dark background, and that pixel size and optics are right"
    else:
        advice = "Choose smaller patches or sparser beads"
    return CalibrationError(
        f"{name} has {kept} usable beads of {len(reasons)} found, expected at least {FEWEST_BEADS}{why}. "
        f"{advice}{', or leave the stack out' if n_stacks > 1 else ''}."
    )


def _kept(reasons: Sequence[Reason]) -> list[int]:
    return [index for index, reason in enumerate(reasons) if reason is Reason.KEPT]
