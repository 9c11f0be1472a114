"""The sample image that comes with the package; README.md beside it tells where it is from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope


def sample_path() -> Path:
    """Return the path of the sample, a TIFF file of 256 x 256 pixels of 8 bits."""
    return Path(str(files("napari_deepblur") / "samples" / "nuclei.tif"))


def sample_microscope() -> Microscope:
    """Return the microscope that is assumed for the sample: a 0.5 air objective, DAPI, 0.2 um pixels.

    The image came without these numbers. Only the ratio fc = NA * pixel size / wavelength matters to the
    blur model, 0.217 cycles per pixel here, which suits the band that the power spectrum of the image shows.
    """
    from napari_deepblur.optics import Microscope

    return Microscope(na=0.5, wavelength_um=0.461, pixel_size_um=0.2, n_immersion=1.0)
