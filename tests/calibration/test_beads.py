"""Beads: all are found, and each kind of bad one is rejected for what is wrong with it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.calibration.beads import Reason, find_beads, reject

PATCH, MARGIN = 21, 4
GOOD = [(40, 40), (40, 80), (40, 120), (80, 40), (80, 120), (120, 40), (120, 80)]


def image(beads: list[tuple[float, float, float]], sigma: tuple[float, float] = (2.0, 2.0)) -> NDArray[np.float64]:
    y, x = np.mgrid[:160, :160]
    plane = 100 + np.random.default_rng(0).normal(0, 1, (160, 160))
    for row, column, height in beads:
        plane += height * np.exp(-((y - row) ** 2 / sigma[0] ** 2 + (x - column) ** 2 / sigma[1] ** 2) / 2)
    return plane


def judged(plane: NDArray[np.generic], place: tuple[float, float]) -> Reason:
    found = find_beads(plane[None])
    reasons = reject(plane[None], found, PATCH, MARGIN)
    distance = np.hypot(*(found.points - place).T)
    assert distance.min() < 3
    return reasons[int(distance.argmin())]


def test_good_beads_are_found_where_they_are_and_nothing_else():
    plane = image([(*p, 200.0) for p in GOOD])
    found = find_beads(plane[None])
    assert sorted(map(tuple, found.points.round().astype(int).tolist())) == GOOD
    assert reject(plane[None], found, PATCH, MARGIN) == [Reason.KEPT] * len(GOOD)


@pytest.mark.parametrize(
    "reason, beads, place",
    [
        (Reason.BORDER, [(12, 100, 200.0)], (12, 100)),
        (Reason.NEIGHBOUR, [(80, 80, 200.0), (80, 95, 150.0)], (80, 80)),
        (Reason.DIM, [(80, 80, 20.0)], (80, 80)),
        (Reason.SHAPE, [(80, 78, 140.0), (80, 84, 140.0)], (80, 81)),
    ],
)
def test_each_bad_bead_has_its_reason(reason: Reason, beads: list[tuple[float, float, float]], place: tuple[int, int]):
    good = [(*p, 200.0) for p in GOOD if np.hypot(p[0] - place[0], p[1] - place[1]) > 30]
    plane = image(good + beads)
    assert judged(plane, place) is reason
    assert judged(plane, (40, 40)) is Reason.KEPT


def test_saturated_beads_are_told_by_the_plateau_of_an_integer_image_or_by_a_given_level():
    beads = [(*p, 200.0) for p in GOOD] + [(80, 80, 900.0)]
    plane = np.clip(image(beads), 0, 700).astype(np.uint16)
    assert judged(plane, (80, 80)) is Reason.SATURATED
    assert judged(plane, (40, 40)) is Reason.KEPT
    found = find_beads(plane[None])
    assert set(reject(plane[None], found, PATCH, MARGIN, saturation=250)) == {Reason.SATURATED}


def test_a_plateau_of_floats_is_saturation_too_but_not_four_pixels_around_a_bead():
    beads = [(*p, 200.0) for p in GOOD] + [(80, 80, 900.0)]
    plane = image(beads).astype(np.float32)
    assert judged(np.minimum(plane, 700), (80, 80)) is Reason.SATURATED
    four = plane.copy()
    four[80:82, 80:82] = plane.max()
    assert judged(four, (80, 80)) is Reason.KEPT


def test_astigmatism_of_all_beads_is_no_reason():
    plane = image([(*p, 200.0) for p in GOOD], sigma=(2.0, 4.0))
    assert judged(plane, (40, 40)) is Reason.KEPT


def test_a_threshold_leaves_out_what_is_below_it():
    plane = image([(40, 40, 200.0), (80, 80, 60.0)])
    assert len(find_beads(plane[None]).points) == 2
    assert len(find_beads(plane[None], threshold=40.0).points) == 1


def test_noise_and_nothing_else_have_no_beads():
    assert len(find_beads(image([])[None]).points) == 0
    assert len(find_beads(np.zeros((1, 64, 64))).points) == 0
