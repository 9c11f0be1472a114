"""Fourier optics: the microscope, its pupil, the Zernike polynomials and the point spread function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.optics.known_pupil import KnownPupil
    from napari_deepblur.optics.microscope import Microscope
    from napari_deepblur.optics.psf import PsfModel, psf_model, psf_snr, stacked, zernike_psf
    from napari_deepblur.optics.psf_planes import PsfPlanesModel, psf_planes, psf_planes_model
    from napari_deepblur.optics.psf_slopes import psf_slopes
    from napari_deepblur.optics.pupil import Light, Pupil
    from napari_deepblur.optics.resampled import resampled_planes, resampled_psfs
    from napari_deepblur.optics.transfer import TransferModel, transfer, transfer_model
    from napari_deepblur.optics.turns import TURNS, turn_matrix, turned
    from napari_deepblur.optics.zernike import is_even, mode_name, noll_to_nm, zernike, zernike_projection
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.optics.known_pupil": ("KnownPupil",),
            "napari_deepblur.optics.microscope": ("Microscope",),
            "napari_deepblur.optics.psf": ("PsfModel", "psf_model", "psf_snr", "stacked", "zernike_psf"),
            "napari_deepblur.optics.psf_planes": ("PsfPlanesModel", "psf_planes", "psf_planes_model"),
            "napari_deepblur.optics.psf_slopes": ("psf_slopes",),
            "napari_deepblur.optics.pupil": ("Light", "Pupil"),
            "napari_deepblur.optics.resampled": ("resampled_planes", "resampled_psfs"),
            "napari_deepblur.optics.transfer": ("TransferModel", "transfer", "transfer_model"),
            "napari_deepblur.optics.turns": ("TURNS", "turn_matrix", "turned"),
            "napari_deepblur.optics.zernike": ("is_even", "mode_name", "noll_to_nm", "zernike", "zernike_projection"),
        },
    )


__all__ = [
    "TURNS",
    "KnownPupil",
    "Light",
    "Microscope",
    "PsfModel",
    "PsfPlanesModel",
    "Pupil",
    "TransferModel",
    "is_even",
    "mode_name",
    "noll_to_nm",
    "psf_model",
    "psf_planes",
    "psf_planes_model",
    "psf_slopes",
    "psf_snr",
    "resampled_planes",
    "resampled_psfs",
    "stacked",
    "transfer",
    "transfer_model",
    "turn_matrix",
    "turned",
    "zernike",
    "zernike_projection",
    "zernike_psf",
]
