"""The sample stack of beads, simulated; beads.md beside it tells how."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope

BEAD_DIAMETER_UM = 0.1
"""Diameter of the beads in the sample."""

BEAD_PATCH_SIZE = 31
"""Side of the PSFs, in pixels, that suits the sample."""


def bead_sample_path() -> Path:
    """Return the path of the sample, a TIFF stack of 3 planes of 200 x 200 pixels of 16 bits."""
    return Path(str(files("napari_deepblur") / "samples" / "beads.tif"))


def bead_sample_microscope() -> Microscope:
    """Return the microscope that was simulated: 100x / 1.49 oil, emission 0.525 um, pixels of 0.065 um."""
    from napari_deepblur.optics import Microscope

    return Microscope(na=1.49, wavelength_um=0.525, pixel_size_um=0.065, n_immersion=1.515, light="scalar")
