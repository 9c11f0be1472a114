"""The numbers that fix the optics of a wide-field microscope."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any, get_args

from napari_deepblur.errors import MicroscopeError, UndersamplingWarning
from napari_deepblur.optics.pupil import Light, Pupil

HIGHEST_CUTOFF = 0.45
"""Largest usable fc in cycles per pixel: beyond it nearly all of the pupil folds onto itself."""

_HIGHEST_INDEX = 2.5

WAVELENGTHS_UM = (0.2, 2.0)
"""Of light that microscopes see; others are asked about, or refused where they are no light at all."""

_LONGEST_WAVELENGTH_UM = 20.0
"""Beyond it no lens of an optical microscope passes light, and all visible light in nanometres lies beyond it."""


def _words(description: str, unit: str = "", **more: str) -> dict[str, str]:
    """Return what forms, the command line and the documentation say about a field."""
    return {"description": description, "unit": unit, **more}


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
    light
        ``"vectorial"``: light as it is, of freely rotating dipoles; ``"scalar"``: one uniform pupil, as in the paper.
        Without aberrations the two PSFs agree to 25 dB at NA 0.5 in air, and to 9 to 12 dB at high apertures.
    n_sample
        Refractive index of the sample, where it differs from the immersion's.
    depth_um
        Depth of the plane in focus below the cover slip, in micrometres. It matters only where the indices differ.

    Raises
    ------
    MicroscopeError
        If a value is not a positive finite number (the depth may be zero), if NA exceeds the immersion index, if the
        pixels are so large that the image holds no usable trace of the optics, or if a depth is given without the
        sample's index.

    Warns
    -----
    UndersamplingWarning
        If ``fc > 0.25``: the finest details are aliased. The image can still be processed.
    """

    na: float = field(
        default=1.41, metadata=_words("Numerical aperture of the objective, as engraved on it", title="NA")
    )
    wavelength_um: float = field(
        default=0.540,
        metadata=_words(
            "Emission wavelength in vacuum: 0.520 for GFP",
            "µm",
            title="Wavelength",
            several="of channels one each, as 0.45,0.525",
        ),
    )
    pixel_size_um: float = field(
        default=0.100,
        metadata=_words(
            "Size of a pixel in the sample: camera pixel divided by magnification", "µm", title="Pixel size"
        ),
    )
    n_immersion: float = field(
        default=1.51,
        metadata=_words("Refractive index of the immersion: air 1.00, water 1.33, oil 1.515", title="Immersion index"),
    )
    light: Light = field(
        default="vectorial",
        metadata=_words(
            "Model of light: vectorial, freely rotating dipoles through the objective; scalar, one uniform pupil",
            title="Light",
        ),
    )
    n_sample: float | None = field(
        default=None,
        metadata=_words(
            "Refractive index of the sample, where it differs from the immersion's",
            title="Sample index",
            assumed="the immersion's",
        ),
    )
    depth_um: float = field(
        default=0.0,
        metadata=_words(
            "Depth of the plane in focus below the cover slip; it matters where the indices differ", "µm", title="Depth"
        ),
    )

    def __post_init__(self) -> None:
        """Check the physics."""
        for name in ("na", "wavelength_um", "pixel_size_um", "n_immersion", "n_sample", "depth_um"):
            value = getattr(self, name)
            if name == "n_sample" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Real):
                raise MicroscopeError(f"{name} is {value!r}, expected a number. Check the microscope form.")
            if not math.isfinite(value) or value < 0 or (value == 0 and name != "depth_um"):
                raise MicroscopeError(f"{name} is {value}, expected a positive finite number.")
            # NumPy numbers are welcome, but settings are written as JSON, which does not know them.
            object.__setattr__(self, name, float(value))
        if self.wavelength_um > _LONGEST_WAVELENGTH_UM:
            raise MicroscopeError(
                f"wavelength_um is {self.wavelength_um:g}, expected micrometres, such as 0.525, and at most "
                f"{_LONGEST_WAVELENGTH_UM:g}. Is it in nanometres?"
            )
        if not isinstance(self.light, str) or self.light not in get_args(Light):
            raise MicroscopeError(f"light is {self.light!r}, expected one of {', '.join(get_args(Light))}.")
        if self.n_sample is not None and not 1 <= self.n_sample <= _HIGHEST_INDEX:
            raise MicroscopeError(
                f"n_sample is {self.n_sample}, expected a refractive index between 1 (air) and {_HIGHEST_INDEX}."
            )
        if self.depth_um > 0 and self.n_sample is None:
            raise MicroscopeError(
                f"depth_um is {self.depth_um} without n_sample: a depth matters where the sample's index differs from "
                f"the immersion's. Give n_sample (water 1.33, glycerol mounts 1.44 to 1.47), or leave out the depth."
            )
        if self.na > self.n_immersion:
            raise MicroscopeError(
                f"NA {round(self.na, 6)} is larger than the immersion index {round(self.n_immersion, 6)}, which no "
                "objective can have (NA = n sin(angle)). Check whether the objective is used in air (1.0), water "
                "(1.33) or oil (1.515)."
            )
        if self.cutoff > HIGHEST_CUTOFF:
            raise MicroscopeError(
                f"The pupil cut-off is {self.cutoff:.3g} cycles per pixel, expected at most {HIGHEST_CUTOFF}: the "
                f"pixels are too large to see the blur. Is the pixel size ({self.pixel_size_um:.6g} um) given in the "
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

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> Microscope:
        """Make the microscope of a file or record; those that do not say which light are from when all was scalar."""
        return cls(**{"light": "scalar", **values})

    def as_record(self) -> dict[str, Any]:
        """Return what `from_record` takes; what is left out is what all was before there was more than one light."""
        older = {"light": "scalar", "n_sample": None, "depth_um": 0.0}
        return {name: value for name, value in asdict(self).items() if name not in older or older[name] != value}

    @property
    def cutoff(self) -> float:
        """Cut-off frequency of the pupil fc = NA * pixel / wavelength, in cycles per pixel."""
        return self.na * self.pixel_size_um / self.wavelength_um

    @property
    def wavenumber(self) -> float:
        """Wave number in the immersion medium kb = n * pixel / wavelength, in cycles per pixel."""
        return self.n_immersion * self.pixel_size_um / self.wavelength_um

    @property
    def pupil(self) -> Pupil:
        """The pupil at this pixel size, in numbers without dimensions."""
        sample = 0.0 if self.n_sample is None else self.na / self.n_sample
        depth = self.depth_um * self.na / self.wavelength_um
        return Pupil(self.cutoff, self.na / self.n_immersion, self.light, sample, depth)

    @property
    def nyquist_pixel_size_um(self) -> float:
        """Largest pixel size without aliasing, wavelength / (4 NA), in micrometres."""
        return self.wavelength_um / (4 * self.na)


def as_microscope(value: object) -> Microscope:
    """Return what was given as a microscope; raises `MicroscopeError` where it is none."""
    if isinstance(value, Microscope):
        return value
    raise MicroscopeError(
        f"The microscope is a {type(value).__name__}, expected a Microscope, such as "
        "Microscope(na=1.2, wavelength_um=0.525, pixel_size_um=0.1, n_immersion=1.33)."
    )
