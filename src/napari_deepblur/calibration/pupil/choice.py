"""What may be chosen for the retrieval of a pupil."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from napari_deepblur.calibration.asked import check_diameter, check_levels
from napari_deepblur.errors import CalibrationError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators.families.facts import HIGHEST_MODE
from napari_deepblur.optics import Microscope, noll_to_nm

DEFAULT_MODES = tuple(range(5, 22))
"""Noll 5 to 21: all of the radial orders 2 to 5, but focus."""

_WIDEST_SPACING_UM = 20.0
_REACH = 4.0
"""Half a PSF in focus, in units of wavelength / NA."""


@dataclass(frozen=True)
class PupilChoice:
    """Arguments of `retrieve_pupil`, beside stack and optics, where they are described.

    Raises
    ------
    CalibrationError
        If a number cannot be used.
    """

    plane_spacing_um: float
    modes: Sequence[int] = DEFAULT_MODES
    amplitude: Sequence[int] = ()
    bead_diameter_um: float | None = None
    patch_size: int | None = None
    most_beads: int = 6
    noise: PoissonGaussianNoise | None = None
    threshold: float | None = None
    saturation: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        spacing = self.plane_spacing_um
        if not isinstance(spacing, Real) or not math.isfinite(spacing) or spacing == 0:
            raise CalibrationError(
                f"The plane spacing is {spacing!r} um, expected a distance other than zero, negative where the planes "
                "were taken the other way."
            )
        if abs(spacing) > _WIDEST_SPACING_UM:
            raise CalibrationError(
                f"The plane spacing is {spacing:g} um, expected at most {_WIDEST_SPACING_UM:g}: beads would be out of "
                "focus in every plane but one. Is it in nanometres?"
            )
        _check_modes("modes", self.modes, 5)
        _check_modes("amplitude", self.amplitude, 2)
        if self.patch_size is not None and (not _is_whole(self.patch_size, 9) or self.patch_size % 2 == 0):
            raise CalibrationError(f"patch_size is {self.patch_size!r}, expected an odd number of at least 9 pixels.")
        if self.bead_diameter_um is not None:
            check_diameter(self.bead_diameter_um)
        if not _is_whole(self.most_beads, 1):
            raise CalibrationError(f"most_beads is {self.most_beads!r}, expected a whole number of at least 1.")
        if self.noise is not None and not isinstance(self.noise, PoissonGaussianNoise):
            raise CalibrationError(
                f"noise is a {type(self.noise).__name__}, expected PoissonGaussianNoise(alpha, beta), or None for an "
                "estimate."
            )
        if not _is_whole(self.seed, 0):
            raise CalibrationError(f"seed is {self.seed!r}, expected a whole number from 0 on.")
        check_levels(self.threshold, self.saturation)


def _check_modes(name: str, modes: Sequence[int], least: int) -> None:
    try:
        chosen = tuple(modes)
    except TypeError:
        raise CalibrationError(f"{name} is {modes!r}, expected several Noll indices, such as (5, 6, 7).") from None
    for j in chosen:
        noll_to_nm(j)
    words = ", ".join(map(str, chosen[:8])) + (", ..." if len(chosen) > 8 else "")
    if len(set(chosen)) < len(chosen) or min(chosen, default=least) < least or (name == "modes" and not chosen):
        place = "Piston, tilts and focus of the wavefront (Noll 1 to 4) are the place of a bead."
        unit = "Piston, Noll 1, is the brightness of a bead."
        raise CalibrationError(
            f"{name} are {words or 'none'}, expected different Noll indices from {least} on. "
            f"{place if name == 'modes' else unit}"
        )
    if max(chosen, default=least) > HIGHEST_MODE:
        raise CalibrationError(
            f"{name} are {words}, up to Noll {max(chosen)}, expected at most {HIGHEST_MODE}: so fine a structure of "
            "the pupil is beyond what a bead shows."
        )


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least


def patch_side(microscope: Microscope, depth: int, spacing_um: float) -> int:
    """Side of the patches: the cone of light of the outermost plane, or twice the PSF in focus where that is less."""
    own = math.ceil(_REACH / microscope.cutoff)
    slope = microscope.na / math.sqrt(max(microscope.n_immersion**2 - microscope.na**2, 1e-3))
    cone = own + math.ceil(slope * abs(spacing_um) * (depth - 1) / 2 / microscope.pixel_size_um)
    return 2 * min(cone, math.ceil(1.5 * own)) + 1
