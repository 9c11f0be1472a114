"""How an image was taken, as far as its file or layer says."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_deepblur.io.engraving import IMMERSION_INDEX as IMMERSION_INDEX
from napari_deepblur.io.engraving import immersion_index as immersion_index
from napari_deepblur.io.engraving import read_objective as read_objective
from napari_deepblur.io.taken_planes import TakenPlanes

_UM = {
    "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "micrometer": 1.0, "pm": 1e-6, "picometer": 1e-6,
    "å": 1e-4, "angstrom": 1e-4, "ångström": 1e-4, "nm": 1e-3, "nanometer": 1e-3, "mm": 1e3, "millimeter": 1e3,
    "cm": 1e4, "centimeter": 1e4, "m": 1e6, "meter": 1e6, "in": 25400.0, "inch": 25400.0,
}  # fmt: skip
"""Micrometres in a unit; the letter for micro has two code points, and ImageJ writes it as an escape sequence."""

_SECONDS = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "us": 1e-6, "µs": 1e-6,
    "μs": 1e-6, "microsecond": 1e-6, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0,
}  # fmt: skip

_PLAUSIBLE = {
    "pixel_size_um": (1e-3, 10.0),
    "plane_spacing_um": (1e-3, 100.0),
    "time_increment_s": (1e-9, 1e7),
    "na": (0.01, 1.75),
    "n_immersion": (0.99, 1.9),
    "wavelengths_um": (0.2, 2.5),
}
"""What a light microscope can have: the resolution of a TIFF file is often meant for printers."""

SQUARE = 1e-3
"""Relative difference of the two sides of a pixel below which it counts as square."""


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
    time_increment_s
        Time from one frame of a series to the next, in seconds.
    na
        Numerical aperture of the objective.
    n_immersion
        Refractive index of the immersion medium.
    wavelengths_um
        Emission wavelength of each channel in vacuum, in micrometres; None for a channel that has none.
    channels
        Names of the channels.
    channel_colours
        Their colours as ``"RRGGBB"`` in hexadecimal digits, one for each channel; empty for one that has none.
    modality
        Kind of microscope where the file says that it was none of wide field, such as ``"confocal"``.
    planes
        Where and when each plane was taken.
    axes
        Letters of the axes of the array, such as ``"CZYX"``.
    source
        The file.
    origins
        Where each of the values comes from, such as ``{"na": "OME-XML"}`` or ``{"na": "engraving"}``.
    """

    pixel_size_um: tuple[float, float] | None = None
    plane_spacing_um: float | None = None
    time_increment_s: float | None = None
    na: float | None = None
    n_immersion: float | None = None
    wavelengths_um: tuple[float | None, ...] = ()
    channels: tuple[str, ...] = ()
    channel_colours: tuple[str, ...] = ()
    modality: str = ""
    planes: TakenPlanes | None = None
    axes: str = ""
    source: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Drop what cannot be."""
        if isinstance(self.plane_spacing_um, int | float):
            # Stages count in either direction.
            object.__setattr__(self, "plane_spacing_um", abs(self.plane_spacing_um))
        for name in ("plane_spacing_um", "time_increment_s", "na", "n_immersion"):
            object.__setattr__(self, name, _plausible(name, getattr(self, name)))
        if self.pixel_size_um is not None:
            sides = [_plausible("pixel_size_um", side) for side in self.pixel_size_um]
            object.__setattr__(self, "pixel_size_um", None if None in sides else tuple(sides))
        wavelengths = tuple(_plausible("wavelengths_um", value) for value in self.wavelengths_um)
        object.__setattr__(self, "wavelengths_um", wavelengths if any(wavelengths) else ())
        if not any(self.channels):
            object.__setattr__(self, "channels", ())
        colours = tuple(value.upper() if _is_colour(value) else "" for value in self.channel_colours)
        object.__setattr__(self, "channel_colours", colours if any(colours) else ())
        # Layers and stores keep it as JSON does.
        object.__setattr__(self, "planes", TakenPlanes.from_json(self.planes))
        said = {name: origin for name, origin in self.origins.items() if getattr(self, name)}
        object.__setattr__(self, "origins", said)

    def origin(self, name: str) -> str:
        """Who said a value: the name of the metadata, ``"engraving"``, or ``"absent"`` where nobody did."""
        return self.origins.get(name, "absent")

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


def common(several: list[Acquisition]) -> Acquisition:
    """Keep what all images of a file say alike; what differs between them is left out."""
    first = several[0]
    different: dict[str, Any] = {}
    for entry in dataclasses.fields(first):
        values = [getattr(one, entry.name) for one in several]
        if entry.name != "origins" and any(value != values[0] for value in values):
            different[entry.name] = entry.default
    return dataclasses.replace(first, **different)


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
    factor = _in_units(unit, _UM)
    number = as_number(value)
    return None if factor is None or number is None else number * factor


def in_seconds(value: object, unit: str) -> float | None:
    """Convert a time to seconds; None where the number is none, or the unit is none of time."""
    factor = _in_units(unit, _SECONDS)
    number = as_number(value)
    return None if factor is None or number is None else number * factor


def _in_units(name: str, units: Mapping[str, float]) -> float | None:
    """Find a unit by its sign or its name, in British or American spelling, of one or of many."""
    plain = name.strip().lower().replace("metre", "meter")
    # Signs have no plural: "ms" is not more than one metre.
    one = [plain.removesuffix("s"), plain.removesuffix("es")] if len(plain) > len("ms") else []
    return next((units[name] for name in (plain, *one) if name in units), None)


def as_number(value: object) -> float | None:
    """Read a finite number; None where there is none."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_colour(value: object) -> bool:
    return isinstance(value, str) and len(value) == 6 and not set(value.upper()) - set("0123456789ABCDEF")


def _plausible(name: str, value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    low, high = _PLAUSIBLE[name]
    return float(value) if low <= value <= high else None
