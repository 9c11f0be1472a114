"""How an image was taken, as far as its file or layer says."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_UM = {
    "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "micrometre": 1.0, "pm": 1e-6, "å": 1e-4, "nm": 1e-3, "nanometer": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6,
}  # fmt: skip
"""Micrometres in a unit; the letter for micro has two code points, and ImageJ writes it as an escape sequence."""

IMMERSION_INDEX = {"oil": 1.515, "water": 1.33, "waterdipping": 1.33, "air": 1.0, "dry": 1.0, "glycerol": 1.47}
"""Refractive indices of the immersion media that files name, at room temperature and in the green."""

_PLAUSIBLE = {
    "pixel_size_um": (1e-3, 10.0),
    "plane_spacing_um": (1e-3, 100.0),
    "na": (0.01, 1.75),
    "n_immersion": (0.99, 1.9),
    "wavelengths_um": (0.2, 2.5),
}
"""What a light microscope can have: the resolution of a TIFF file is often meant for printers."""

_NA = re.compile(r"(?:/|\bNA\s*=?\s*|\s)([01][.,]\d{1,3})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Acquisition:
    """What a file or a layer says about how an image was taken; whatever it does not say is None or empty.

    Values that no light microscope has count as not said.

    Attributes
    ----------
    pixel_size_um
        Height and width of a pixel in the sample, in micrometres.
    plane_spacing_um
        Distance between the planes of a stack, in micrometres.
    na
        Numerical aperture of the objective.
    n_immersion
        Refractive index of the immersion medium.
    wavelengths_um
        Emission wavelength of each channel in vacuum, in micrometres; None for a channel that has none.
    channels
        Names of the channels.
    axes
        Letters of the axes of the array, such as ``"CZYX"``.
    source
        The file.
    origins
        Where each of the values comes from, such as ``{"na": "OME-XML"}``.
    """

    pixel_size_um: tuple[float, float] | None = None
    plane_spacing_um: float | None = None
    na: float | None = None
    n_immersion: float | None = None
    wavelengths_um: tuple[float | None, ...] = ()
    channels: tuple[str, ...] = ()
    axes: str = ""
    source: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Drop what cannot be."""
        for name in ("plane_spacing_um", "na", "n_immersion"):
            object.__setattr__(self, name, _plausible(name, getattr(self, name)))
        if self.pixel_size_um is not None:
            sides = [_plausible("pixel_size_um", side) for side in self.pixel_size_um]
            object.__setattr__(self, "pixel_size_um", None if None in sides else tuple(sides))
        wavelengths = tuple(_plausible("wavelengths_um", value) for value in self.wavelengths_um)
        object.__setattr__(self, "wavelengths_um", wavelengths if any(wavelengths) else ())
        if not any(self.channels):
            object.__setattr__(self, "channels", ())
        said = {name: origin for name, origin in self.origins.items() if getattr(self, name)}
        object.__setattr__(self, "origins", said)

    def wavelength_um(self, channel: int = 0) -> float | None:
        """Emission wavelength of a channel in micrometres; None where it is not known."""
        return self.wavelengths_um[channel] if 0 <= channel < len(self.wavelengths_um) else None

    def or_else(self, other: Acquisition) -> Acquisition:
        """Fill the gaps with what another source says, which keeps its origin."""
        gaps = {
            entry.name: getattr(other, entry.name)
            for entry in dataclasses.fields(self)
            if entry.name != "origins" and not getattr(self, entry.name) and getattr(other, entry.name)
        }
        origins = dict(self.origins) | {name: other.origins[name] for name in gaps if name in other.origins}
        return dataclasses.replace(self, **gaps, origins=origins)


def said_by(origin: str, source: str = "", **values: object) -> Acquisition:
    """Make an `Acquisition` whose values all come from one place.

    Parameters
    ----------
    origin
        The place, such as ``"OME-XML"``.
    source
        The file.
    **values
        Attributes of `Acquisition`.
    """
    return Acquisition(source=source, origins=dict.fromkeys(values, origin), **values)  # type: ignore[arg-type]


def in_um(value: object, unit: str) -> float | None:
    """Convert a length to micrometres; None where the number is none, or the unit is none of length.

    Parameters
    ----------
    value
        A number, or its text.
    unit
        Name of a unit, such as ``"nm"`` or ``"µm"``.
    """
    factor = _UM.get(unit.strip().lower())
    number = as_number(value)
    return None if factor is None or number is None else number * factor


def as_number(value: object) -> float | None:
    """Read a number; None where there is none."""
    try:
        return float(str(value))
    except ValueError:
        return None


def immersion_index(medium: str) -> float | None:
    """Refractive index of a named immersion medium; None for ``"Multi"``, ``"Other"`` and what is unknown."""
    return IMMERSION_INDEX.get(medium.strip().lower())


def read_objective(engraving: str) -> dict[str, float]:
    """Read numerical aperture and immersion index from what is engraved on an objective.

    Parameters
    ----------
    engraving
        Such as ``"HC PL APO 63x/1.40 OIL CS2"``.

    Returns
    -------
    dict
        `na` and `n_immersion`, each only if it is there.
    """
    found: dict[str, float] = {}
    aperture = _NA.search(engraving)
    if aperture:
        found["na"] = float(aperture[1].replace(",", "."))
    media = (immersion_index(word) for word in re.findall(r"[a-z]+", engraving.lower()))
    index = next((value for value in media if value is not None), None)
    if index is not None:
        found["n_immersion"] = index
    return found


def _plausible(name: str, value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    low, high = _PLAUSIBLE[name]
    return float(value) if low <= value <= high else None
