"""The pupil of a microscope, from the planes of a bead stack."""

from napari_deepblur.calibration.pupil.choice import PupilChoice
from napari_deepblur.calibration.pupil.results import PupilRetrieval
from napari_deepblur.calibration.pupil.retrieve import retrieve_pupil, retrieve_pupil_steps

__all__ = ["PupilChoice", "PupilRetrieval", "retrieve_pupil", "retrieve_pupil_steps"]
