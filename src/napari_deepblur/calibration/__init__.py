"""Calibration of a microscope's space-varying blurs from images of beads, and a simulated microscope to try it on."""

from napari_deepblur.calibration.beads import Reason
from napari_deepblur.calibration.calibrate import calibrate, calibrate_steps
from napari_deepblur.calibration.pupil import PupilChoice, PupilRetrieval, retrieve_pupil, retrieve_pupil_steps
from napari_deepblur.calibration.results import BeadTable, Calibration

__all__ = [
    "BeadTable",
    "Calibration",
    "PupilChoice",
    "PupilRetrieval",
    "Reason",
    "calibrate",
    "calibrate_steps",
    "retrieve_pupil",
    "retrieve_pupil_steps",
]
