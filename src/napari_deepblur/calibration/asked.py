"""Numbers that a calibration is asked for: whether they can be, told without what finds beads."""

from __future__ import annotations

import math
from numbers import Real

from napari_deepblur.errors import CalibrationError
from napari_deepblur.optics import Microscope

_LARGEST_UM = 5.0
"""Diameter of beads from which on another unit is meant."""


def check_diameter(diameter_um: float) -> None:
    """Raise a `CalibrationError` if this is no diameter of a bead in micrometres, such as one in nanometres."""
    number = isinstance(diameter_um, Real) and not isinstance(diameter_um, bool) and math.isfinite(diameter_um)
    if not number or not 0 < diameter_um < _LARGEST_UM:
        meant = " Is it in nanometres?" if number and diameter_um >= _LARGEST_UM else ""
        raise CalibrationError(
            f"bead_diameter_um is {diameter_um!r}, expected a positive number of micrometres below {_LARGEST_UM:g}, "
            f"such as 0.1.{meant}"
        )


def check_fits(diameter_um: float, microscope: Microscope, patch_size: int) -> None:
    """Raise a `CalibrationError` if a bead is wider than the patch that it should lie in."""
    side_um = patch_size * microscope.pixel_size_um
    if diameter_um >= side_um:
        raise CalibrationError(
            f"The beads have {diameter_um:g} um, and the patches {patch_size} pixels, {side_um:.3g} um: a bead does "
            "not fit into them. Is the diameter right? Beads should be no larger than the resolution."
        )


def check_levels(threshold: float | None, saturation: float | None) -> None:
    """Raise a `CalibrationError` if the least height of a bead, or the level of a full pixel, is no such number."""
    for name, value in (("threshold", threshold), ("saturation", saturation)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value)):
            raise CalibrationError(f"{name} is {value!r}, expected a number in the units of the images.")
    if threshold is not None and threshold <= 0:
        raise CalibrationError(
            f"threshold is {threshold:g}, expected more than 0: it is how far a bead rises above its surroundings in "
            "the filtered image."
        )
