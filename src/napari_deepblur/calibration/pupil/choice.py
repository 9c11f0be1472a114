"""What may be chosen for the retrieval of a pupil."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_deepblur.errors import CalibrationError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope, noll_to_nm

DEFAULT_MODES = tuple(range(5, 22))
"""Noll 5 to 21: all of the radial orders 2 to 5, but focus."""

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
        if not math.isfinite(self.plane_spacing_um) or self.plane_spacing_um == 0:
            raise CalibrationError(
                f"The plane spacing is {self.plane_spacing_um} um, expected a distance other than zero, negative where "
                "the planes were taken the other way."
            )
        for name, chosen, least in (("modes", self.modes, 5), ("amplitude", self.amplitude, 2)):
            for j in chosen:
                noll_to_nm(j)
            if len(set(chosen)) < len(chosen) or min(chosen, default=least) < least or (name == "modes" and not chosen):
                raise CalibrationError(
                    f"{name} are {tuple(chosen)}, expected different Noll indices from {least} on. Piston, tilts and "
                    "focus of the wavefront (Noll 1 to 4) are the place of a bead."
                )
        if self.patch_size is not None and (self.patch_size < 9 or self.patch_size % 2 == 0):
            raise CalibrationError(f"patch_size is {self.patch_size}, expected an odd number of at least 9 pixels.")
        if self.bead_diameter_um is not None and not 0 < self.bead_diameter_um < math.inf:
            raise CalibrationError(
                f"bead_diameter_um is {self.bead_diameter_um}, expected a positive number of micrometres."
            )
        if self.most_beads < 1:
            raise CalibrationError(f"most_beads is {self.most_beads}, expected at least 1.")


def patch_side(microscope: Microscope, depth: int, spacing_um: float) -> int:
    """Side of the patches: the cone of light of the outermost plane, or twice the PSF in focus where that is less."""
    own = math.ceil(_REACH / microscope.cutoff)
    slope = microscope.na / math.sqrt(max(microscope.n_immersion**2 - microscope.na**2, 1e-3))
    cone = own + math.ceil(slope * abs(spacing_um) * (depth - 1) / 2 / microscope.pixel_size_um)
    return 2 * min(cone, math.ceil(1.5 * own)) + 1
