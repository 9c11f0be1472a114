"""Calibration of a microscope's space-varying blurs from images of beads, and a simulated microscope to try it on."""

from napari_deepblur.calibration.beads import Reason
from napari_deepblur.calibration.calibrate import calibrate, calibrate_steps
from napari_deepblur.calibration.pupil import PupilChoice, PupilRetrieval, retrieve_pupil, retrieve_pupil_steps
from napari_deepblur.calibration.report import report_html
from napari_deepblur.calibration.results import BeadTable, Calibration
from napari_deepblur.calibration.verdict import Finding, judge

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
