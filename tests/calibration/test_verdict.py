"""The verdict on a calibration: good where it is, and each fault named by its own line."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.calibration import Calibration, judge, report_html
from napari_deepblur.calibration.demonstration import Demonstration, bead_stack
from napari_deepblur.calibration.verdict import width, worst
from napari_deepblur.optics import Microscope


def _said(found: Calibration, title: str, stacks: list[NDArray[Any]] | tuple[()] = ()) -> tuple[str, str]:
    finding = next(one for one in judge(found, stacks) if one.title == title)
    return finding.level, finding.words


def test_a_good_calibration_is_good(calibration: Calibration, stacks: list[NDArray[Any]]) -> None:
    findings = judge(calibration, stacks)
    assert [one.title for one in findings] == ["Beads", "Field", "Photons", "Width", "Eigen-PSFs", "Prediction"]
    levels = {one.title: one.level for one in findings}
    assert levels["Photons"] == levels["Width"] == levels["Field"] == levels["Prediction"] == "good", findings


def test_photons_are_those_that_were_simulated(demo: Demonstration, calibration: Calibration) -> None:
    """In the peak of the median bead; a fifth more for the beads between pixels and planes, and for noise."""
    for photons, expected in ((5000.0, "good"), (100.0, "warning"), (25.0, "bad")):
        stack, beads = bead_stack(demo, 0, photons), calibration.beads
        around = replace(beads, background=np.full(len(beads), float(np.median(stack))))
        level, words = _said(replace(calibration, beads=around), "Photons", [stack])
        found = float(words.removeprefix("About ").split()[0])
        assert level == expected and 0.7 * photons < found < 1.6 * photons, words


def test_the_darkest_stack_is_judged(demo: Demonstration, calibration: Calibration) -> None:
    dark, bright = (bead_stack(demo, 0, photons)[0] for photons in (25.0, 5000.0))
    beads = calibration.beads
    own = np.flatnonzero(beads.stack == 0)
    names = ("row", "column", "amplitude", "residual", "kept")
    twice = {name: np.tile(getattr(beads, name)[own], 2) for name in names}
    levels = np.repeat([float(np.median(bright)), float(np.median(dark))], len(own))
    table = replace(
        beads,
        **twice,
        stack=np.repeat([0, 1], len(own)),
        background=levels,
        reason=tuple(beads.reason[i] for i in own) * 2,
    )
    level, words = _said(replace(calibration, beads=table), "Photons", [bright, dark])
    assert level == "bad" and "in stack 1 of 2, the darkest" in words


def test_an_aperture_that_is_too_small_is_found_by_the_width(calibration: Calibration) -> None:
    optics = calibration.microscope
    assert optics is not None
    wrong = replace(calibration, microscope=Microscope(0.6, optics.wavelength_um, optics.pixel_size_um, 1.0))
    level, words = _said(wrong, "Width")
    assert level == "bad" and "check NA" in words
    metrics = width(calibration)
    assert metrics is not None and f"{np.mean(metrics.fwhm_um):.3f} µm" in _said(calibration, "Width")[1]
    assert "Width" not in [one.title for one in judge(replace(calibration, microscope=None))]


def test_a_bare_part_of_the_field_is_named(calibration: Calibration) -> None:
    beads = calibration.beads
    half = replace(calibration, beads=replace(beads, kept=beads.kept & (beads.column < 96)))
    level, words = _said(half, "Field")
    assert level == "warning" and "top right" in words and "left" not in words
    corner = replace(calibration, beads=replace(beads, kept=beads.kept & (beads.column < 48)))
    assert _said(corner, "Field")[0] == "bad"
    assert _said(corner, "Beads")[0] == "warning"


def test_too_few_eigen_psfs_are_told(calibration: Calibration) -> None:
    used = len(calibration.eigen_psfs)
    tried = replace(calibration, psf_errors=calibration.psf_errors[: used + 1])
    assert _said(tried, "Eigen-PSFs")[0] == "warning"
    asked = replace(calibration, psf_errors=np.zeros(0), singular_values=np.array([10.0] * used + [5, 0.1, 0.1]))
    assert "too few" in _said(asked, "Eigen-PSFs")[1]
    enough = replace(asked, singular_values=np.array([10.0] * used + [0.12, 0.1, 0.1]))
    assert _said(enough, "Eigen-PSFs")[0] == "good"


@pytest.mark.parametrize(("error", "level"), [(0.1, "good"), (0.3, "warning"), (0.8, "bad")])
def test_the_error_at_beads_left_out(calibration: Calibration, error: float, level: str) -> None:
    errors = np.full_like(calibration.psf_errors, error)
    assert _said(replace(calibration, psf_errors=errors), "Prediction")[0] == level


def test_the_report_is_one_page_with_its_pictures(calibration: Calibration, stacks: list[NDArray[Any]]) -> None:
    findings = judge(calibration, stacks)
    page = report_html(calibration, findings, "My <100x>", "1.2.3")
    assert "My &lt;100x&gt;" in page and "1.2.3" in page
    pictures: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "img":
                pictures.append(dict(attrs)["src"] or "")

    Reader().feed(page)
    assert len(pictures) == 2 and all(one.startswith("data:image/png;base64,iVBOR") for one in pictures)
    for one in findings:
        assert one.title in page
    assert worst(findings) in ("good", "warning", "bad")
    assert "pixels have no size" in report_html(replace(calibration, microscope=None), (), "x", "1")
