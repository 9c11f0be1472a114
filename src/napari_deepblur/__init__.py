"""napari-deepblur: estimate the blur of a microscope from one image, and remove it.

The public names are resolved when they are first used, so that `import napari_deepblur` is fast and does not
import torch: napari imports every plugin, and a command line should answer ``--help`` at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_deepblur.calibration import Calibration, PupilRetrieval, calibrate, retrieve_pupil
    from napari_deepblur.io.families import load_family, save_family
    from napari_deepblur.io.pupil_files import load_pupil, save_pupil
    from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
    from napari_deepblur.operators import (
        EigenPsfFamily,
        FieldZernikeFamily,
        ProductConvolutionFamily,
        ZernikeFamily,
    )
    from napari_deepblur.operators.psf_maps import PsfMaps, psf_maps
    from napari_deepblur.optics import Microscope
    from napari_deepblur.pipeline import (
        Deblurring,
        Identification,
        StackDeblurring,
        StackIdentification,
        VolumeDeblurring,
        VolumeIdentification,
        deblur,
        deblur_stack,
        identify,
        identify_stack,
    )
    from napari_deepblur.resolution import ImageResolution, image_resolution

    __version__: str

__all__ = [
    "Acquisition",
    "Calibration",
    "Deblurring",
    "EigenPsfFamily",
    "FieldZernikeFamily",
    "Identification",
    "ImageResolution",
    "LazyImage",
    "Microscope",
    "PoissonGaussianNoise",
    "ProductConvolutionFamily",
    "PsfMaps",
    "PupilRetrieval",
    "StackDeblurring",
    "StackIdentification",
    "VolumeDeblurring",
    "VolumeIdentification",
    "ZernikeFamily",
    "__version__",
    "calibrate",
    "deblur",
    "deblur_stack",
    "estimate_noise",
    "identify",
    "identify_stack",
    "image_resolution",
    "load_family",
    "load_pupil",
    "open_image",
    "psf_maps",
    "retrieve_pupil",
    "save_family",
    "save_pupil",
]

_HOME = {
    "Acquisition": "napari_deepblur.io.acquisition",
    "Calibration": "napari_deepblur.calibration",
    "Deblurring": "napari_deepblur.pipeline",
    "EigenPsfFamily": "napari_deepblur.operators",
    "FieldZernikeFamily": "napari_deepblur.operators",
    "Identification": "napari_deepblur.pipeline",
    "ImageResolution": "napari_deepblur.resolution",
    "LazyImage": "napari_deepblur.io.lazy_image",
    "Microscope": "napari_deepblur.optics",
    "PoissonGaussianNoise": "napari_deepblur.noise",
    "ProductConvolutionFamily": "napari_deepblur.operators",
    "PsfMaps": "napari_deepblur.operators.psf_maps",
    "PupilRetrieval": "napari_deepblur.calibration",
    "StackDeblurring": "napari_deepblur.pipeline",
    "StackIdentification": "napari_deepblur.pipeline",
    "VolumeDeblurring": "napari_deepblur.pipeline",
    "VolumeIdentification": "napari_deepblur.pipeline",
    "ZernikeFamily": "napari_deepblur.operators",
    "calibrate": "napari_deepblur.calibration",
    "deblur": "napari_deepblur.pipeline",
    "deblur_stack": "napari_deepblur.pipeline",
    "estimate_noise": "napari_deepblur.noise",
    "identify": "napari_deepblur.pipeline",
    "identify_stack": "napari_deepblur.pipeline",
    "image_resolution": "napari_deepblur.resolution",
    "load_family": "napari_deepblur.io.families",
    "load_pupil": "napari_deepblur.io.pupil_files",
    "open_image": "napari_deepblur.io.open_image",
    "psf_maps": "napari_deepblur.operators.psf_maps",
    "retrieve_pupil": "napari_deepblur.calibration",
    "save_family": "napari_deepblur.io.families",
    "save_pupil": "napari_deepblur.io.pupil_files",
}


def _installed_version() -> str:
    """Return the version in the metadata of the installed distribution; pyproject.toml is its only source."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-deepblur")
    except PackageNotFoundError:  # a source tree on the path that was never installed
        return "0+unknown"


def __getattr__(name: str) -> object:
    """Import a public name on first use, and keep it."""
    if name == "__version__":
        value: object = _installed_version()
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
