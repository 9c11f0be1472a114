"""The table of volumes: every method with every pupil, and PSFs compared up to a shift along z."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.reports.report import Origin
from benchmarks.simulation.worlds import thick_world
from benchmarks.worlds import volumes
from benchmarks.worlds.estimates import Machine
from benchmarks.worlds.volumes import run_volumes, volume_snr


def test_each_method_has_a_row_for_each_pupil_and_the_blind_one_is_what_was_found(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Found:
        theta = np.full(8, 0.03, np.float32)

    def identified(stack: Any, *_: Any, **__: Any) -> Found:
        seen.append(stack.shape)
        return Found()

    monkeypatch.setattr(volumes, "identify_stack", identified)
    report = run_volumes(1, ("spots",), ("medium",), (1, 3), ("wiener",), 0, Machine(), origin, side=48)
    assert seen == [(3, 48, 48)]
    methods = [row["method"] for row in report.rows]
    assert methods == 2 * ["image", "wiener, ideal pupil", "wiener, true pupil", "wiener, blind pupil"]
    thin, thick = report.rows[:4], report.rows[4:]
    # Of one plane the ideal pupil is removed.
    assert thin[3]["r volume"] == thin[1]["r volume"]
    assert len({row["r volume"] for row in thick}) == 4
    assert thick[0]["PSF found (dB)"] != thick[0]["PSF of the ideal pupil (dB)"]


def test_psfs_are_compared_up_to_a_shift_along_z() -> None:
    world = thick_world()
    theta = 0.05 * np.ones(8, np.float32)
    assert volume_snr(world, theta, theta, 5) > 60
    assert 0 < volume_snr(world, theta, 0 * theta, 5) < 20
    # Focus is such a shift, nearly; astigmatism is none.
    waves = np.eye(8, dtype=np.float32) * 0.05
    focus, astigmatism = (waves[world.truth.modes.index(mode)] for mode in (4, 5))
    assert volume_snr(world, 0 * theta, focus, 5) > volume_snr(world, 0 * theta, astigmatism, 5) + 6


def test_planes_that_hold_nothing_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((3, 40, 40)).astype(np.float32)
    truth[0] = 0
    truth[0, 20, 20] = 1e-7
    result = (truth + 0.2 * rng.random(truth.shape)).astype(np.float32)
    assert 0.8 < volumes.judge(result, truth)["SSIM"] <= 1
