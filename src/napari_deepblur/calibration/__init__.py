"""Calibration of a microscope's space-varying blurs from images of beads, and a simulated microscope to try it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.calibration.calibrate import calibrate, calibrate_steps
    from napari_deepblur.calibration.pupil import PupilChoice, PupilRetrieval, retrieve_pupil, retrieve_pupil_steps
    from napari_deepblur.calibration.reasons import Reason
    from napari_deepblur.calibration.report import report_html
    from napari_deepblur.calibration.results import BeadTable, Calibration
    from napari_deepblur.calibration.verdict import Finding, judge
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.calibration.reasons": ("Reason",),
            "napari_deepblur.calibration.calibrate": ("calibrate", "calibrate_steps"),
            "napari_deepblur.calibration.pupil": (
                "PupilChoice",
                "PupilRetrieval",
                "retrieve_pupil",
                "retrieve_pupil_steps",
            ),
            "napari_deepblur.calibration.report": ("report_html",),
            "napari_deepblur.calibration.results": ("BeadTable", "Calibration"),
            "napari_deepblur.calibration.verdict": ("Finding", "judge"),
        },
    )


__all__ = [
    "BeadTable",
    "Calibration",
    "Finding",
    "PupilChoice",
    "PupilRetrieval",
    "Reason",
    "calibrate",
    "calibrate_steps",
    "judge",
    "report_html",
    "retrieve_pupil",
    "retrieve_pupil_steps",
]
