"""The table of a survey counts what is green although it is wrong."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from benchmarks.honesty.by_kind import report_of
from benchmarks.reports.report import Origin

ORIGIN = Origin("command", 0, "unknown", {}, "cpu", 1, "2", "2026-11-29")


def _row(kind: str, decibels: float, light: str, odds: float) -> dict[str, Any]:
    row = {"kind": kind, "psf_snr_db": np.float64(decibels), "light": light, "odds": odds}
    return row | {"correlation_before": 0.5, "correlation": 0.6}


def test_rows_are_kinds_and_the_last_is_all() -> None:
    rows = [
        _row("blurred", 12.0, "green", 0.02),
        _row("blurred", 9.0, "yellow", 0.2),
        _row("blurred", 1.0, "green", 0.04),
        _row("a motion", -2.0, "red", 0.9),
    ]
    report = report_of(rows, 5, ORIGIN, 1.0)
    motion, blurred, everything = report.rows
    assert (motion["kind"], blurred["kind"], everything["kind"]) == ("a motion", "blurred", "all")
    assert (blurred["wrong"], blurred["green"], blurred["yellow"], blurred["wrong and green"]) == (1, 2, 1, 1)
    assert everything["images"] == 4 and everything["wrong"] == 2 and everything["red"] == 1
    assert everything["PSF SNR (dB)"] == pytest.approx(5.0) and everything["mean odds"] == pytest.approx(0.29)
    assert report.notes[0] == "Of 2 wrong estimates (PSF SNR under 3 dB) 1 are green (50%)."
    assert report.notes[1] == "Of 2 good estimates (over 8 dB) 1 are green (50%)."
    assert report.notes[-1] == "1 of 5 images were refused."
    assert json.loads(report.as_json())["rows"][1]["wrong and green"] == 1
    assert report.details["light"] == ["green", "yellow", "green", "red"]


def test_a_survey_without_good_estimates_divides_by_nothing() -> None:
    report = report_of([_row("no blur", 1.0, "red", 0.5)], 1, ORIGIN, 1.0)
    assert report.notes[1] == "Of 0 good estimates (over 8 dB) 0 are green."
