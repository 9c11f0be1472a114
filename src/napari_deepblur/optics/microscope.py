"""The four numbers that fix the optics of a wide-field microscope."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from numbers import Real

from napari_deepblur.errors import MicroscopeError, UndersamplingWarning

HIGHEST_CUTOFF = 0.45
"""Largest usable fc in cycles per pixel: beyond it nearly all of the pupil folds onto itself."""


@dataclass(frozen=True)
class Microscope:
    """Objective, emission and sampling of a wide-field microscope.

    The pupil has the cut-off frequency ``fc = na * pixel_size_um / wavelength_um`` and the wave number
    ``kb = n_immersion * pixel_size_um / wavelength_um``, both in cycles per pixel. The intensity is band-limited
    at ``2 fc``, so that an image is sampled without aliasing while ``fc <= 0.25``.

    Parameters
    ----------
    na
        Numerical aperture of the objective.
    wavelength_um
        Emission wavelength in vacuum, in micrometres.
    pixel_size_um
        Pixel size in the sample plane (camera pixel over magnification), in micrometres.
    n_immersion
        Refractive index of the immersion medium (air 1.0, water 1.33, oil 1.515).

    Raises
    ------
    MicroscopeError
        If a value is not a positive finite number, if NA exceeds the immersion index, or if the pixels are so
        large that the image holds no usable trace of the optics.

    Warns
    -----
    UndersamplingWarning
        If ``fc > 0.25``: the finest details are aliased. The image can still be processed.
    """

    na: float = 1.41
    wavelength_um: float = 0.540
    pixel_size_um: float = 0.100
    n_immersion: float = 1.51

    def __post_init__(self) -> None:
        """Check the physics."""
        for name in ("na", "wavelength_um", "pixel_size_um", "n_immersion"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise MicroscopeError(f"{name} is {value!r}, expected a number. Check the microscope form.")
            if not math.isfinite(value) or value <= 0:
                raise MicroscopeError(f"{name} is {value}, expected a positive finite number.")
            # NumPy numbers are welcome, but settings are written as JSON, which does not know them.
            object.__setattr__(self, name, float(value))
        if self.na > self.n_immersion:
            raise MicroscopeError(
                f"NA {self.na} is larger than the immersion index {self.n_immersion}, which no objective can have "
                "(NA = n sin(angle)). Check whether the objective is used in air (1.0), water (1.33) or oil (1.515)."
            )
        if self.cutoff > HIGHEST_CUTOFF:
            raise MicroscopeError(
                f"The pupil cut-off is {self.cutoff:.3g} cycles per pixel, expected at most {HIGHEST_CUTOFF}: the "
                f"pixels are too large to see the blur. Is the pixel size ({self.pixel_size_um} um) given in the "
                "sample plane and in micrometres? Nyquist sampling of this objective needs "
                f"{self.nyquist_pixel_size_um:.3g} um."
            )
        if self.cutoff > 0.25:
            warnings.warn(
                f"Under-sampled: fc = {self.cutoff:.3f} cycles per pixel is above 0.25, so that the finest details "
                f"are aliased. Nyquist sampling needs pixels of at most {self.nyquist_pixel_size_um:.3f} um.",
                UndersamplingWarning,
                stacklevel=3,
            )

    @property
    def cutoff(self) -> float:
        """Cut-off frequency of the pupil fc = NA * pixel / wavelength, in cycles per pixel."""
        return self.na * self.pixel_size_um / self.wavelength_um

    @property
    def wavenumber(self) -> float:
        """Wave number in the immersion medium kb = n * pixel / wavelength, in cycles per pixel."""
        return self.n_immersion * self.pixel_size_um / self.wavelength_um

    @property
    def nyquist_pixel_size_um(self) -> float:
        """Largest pixel size without aliasing, wavelength / (4 NA), in micrometres."""
        return self.wavelength_um / (4 * self.na)
