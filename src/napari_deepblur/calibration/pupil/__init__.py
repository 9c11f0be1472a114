"""The pupil of a microscope, from the planes of a bead stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.calibration.pupil.choice import PupilChoice
    from napari_deepblur.calibration.pupil.results import PupilRetrieval
    from napari_deepblur.calibration.pupil.retrieve import retrieve_pupil, retrieve_pupil_steps
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.calibration.pupil.choice": ("PupilChoice",),
            "napari_deepblur.calibration.pupil.results": ("PupilRetrieval",),
            "napari_deepblur.calibration.pupil.retrieve": ("retrieve_pupil", "retrieve_pupil_steps"),
        },
    )


__all__ = ["PupilChoice", "PupilRetrieval", "retrieve_pupil", "retrieve_pupil_steps"]
