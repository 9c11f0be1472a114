"""Coefficients of a series as numbers and as a table."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from napari_deepblur.errors import SettingsError
from napari_deepblur.identification.plane_signs import defocus_per_um, signed_planes
from napari_deepblur.io.sinks import ArraySink
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.series.frames import deblur_stack_steps
from napari_deepblur.pipeline.series.history import History, history_of
from napari_deepblur.progress import finished


def record(**values: object) -> dict[str, object]:
    entries = [
        {"index": [0], "identified": True, "theta": [0.1, 0.0], "theta_std": [0.01, 0.02]},
        {"index": [1], "identified": False, "theta": [0.1, 0.0], "theta_std": [0.01, 0.02]},
        {"index": [2], "identified": False, "theta": None, "theta_std": None},
        {"index": [3], "identified": True, "theta": [0.1, 0.3], "theta_std": [0.01, 0.02]},
    ]
    return {"frames": entries, "axes": "TYX", "parameter_names": ["defocus", "coma y"], **values}


def test_only_frames_whose_blur_was_identified_count() -> None:
    history = history_of(record())
    assert history.frames == ("time 0", "time 3")
    np.testing.assert_allclose(history.theta, [[0.1, 0], [0.1, 0.3]])
    assert history.most_varying(1) == [1]


def test_the_table_has_a_row_for_each_coefficient_of_each_frame() -> None:
    rows = list(csv.DictReader(io.StringIO(history_of(record()).as_csv())))
    assert len(rows) == 4
    assert rows[3] == {"frame": "time 3", "coefficient": "coma y", "value": "0.3", "std": "0.02"}


@pytest.mark.parametrize("values", [{"frames": None}, {"parameter_names": []}, {"frames": []}])
def test_records_without_frames_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        history_of(record(**values))


def test_a_run_over_a_series_has_a_history() -> None:
    planes = np.random.default_rng(0).gamma(0.5, 100, (2, 64, 64))
    steps = deblur_stack_steps(
        planes,
        "TYX",
        DeblurSettings(microscope=Microscope(pixel_size_um=0.09), method="wiener", device="cpu"),
        ArraySink(),
    )
    history: History = history_of(finished(steps).record)
    assert history.frames == ("time 0", "time 1") and history.theta.shape == (2, 8)
    assert "defocus" in history.names[0]


def test_the_planes_of_a_stack_settle_the_sign_in_the_record() -> None:
    """Coefficients of planes at known distances, their joint signs lost; the record gets them back."""
    family = ZernikeFamily(Microscope(na=1.2, wavelength_um=0.55, pixel_size_um=0.1, n_immersion=1.33))
    even, change = family.even_modes, defocus_per_um(family)
    spacing, count = 0.2, 5
    first = np.array([-0.08, 0.03, -0.02, 0.05, 0.01, 0.0, 0.02, 0.03])
    true = first + spacing * np.arange(count)[:, None] * change
    lost = np.where(even, np.sign(true[:, :1]) * true, true)
    entries = [
        {"index": [z], "identified": True, "theta": theta.tolist(), "theta_std": [0.01] * 8}
        for z, theta in enumerate(lost)
    ]
    stack = signed_planes(entries, family, spacing)["stack"]
    assert stack["plane_spacing_um"] == spacing and stack["sign_probability"] > 0.95
    np.testing.assert_allclose([entry["theta"] for entry in entries], true, atol=1e-9)
    assert signed_planes(entries[:1], family, spacing) == {}
    assert signed_planes(entries, ZernikeFamily(family.microscope, (5, 6)), spacing) == {}
