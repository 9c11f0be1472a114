"""Where each number of the optics comes from, and which of them nobody has stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

Origin = Literal["file", "typed", "preset", "assumed"]
"""From the file or the layer; typed by the user; of a named microscope; stated by nobody."""

ORIGINS_KEY = "origins"
"""Where the record of a result keeps the origin of each number of its optics."""

NUMBERS = ("na", "n_immersion", "wavelength_um", "pixel_size_um")
"""Numbers that every image has, and so an origin."""

WORDS = {
    "na": "NA",
    "n_immersion": "immersion index",
    "wavelength_um": "wavelength",
    "pixel_size_um": "pixel size",
}
_UNITS = {"wavelength_um": " µm", "pixel_size_um": " µm"}


class Place(NamedTuple):
    """What a number is from, or was taken over from.

    Attributes
    ----------
    name
        Of the file, the preset or the layer, as it is shown.
    layer
        What napari knows the layer by, whatever it is called; empty where it is of none.
    """

    name: str = ""
    layer: str = ""

    def renamed(self, names: Mapping[str, str]) -> Place:
        """Return the same with the name that the layer has now."""
        return self._replace(name=names.get(self.layer, self.name))


NOWHERE = Place()


def listed(words: Sequence[str]) -> str:
    """Write several words as people do."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def sentences(origins: Mapping[str, Origin], where: Mapping[str, Place], of_channel: str = "") -> list[str]:
    """Say which numbers are from a file or a preset, and which nobody has stated.

    Parameters
    ----------
    origins
        Of the numbers.
    where
        The file, the layer or the preset, or what an assumed number was taken over from.
    of_channel
        What is said behind the wavelength.
    """
    said = []
    for origin in ("file", "preset", "assumed"):
        names = [name for name, known in origins.items() if known == origin]
        for place in sorted({where.get(name, NOWHERE) for name in names}):
            here = [name for name in names if where.get(name, NOWHERE) == place]
            text = listed([WORDS[name] + (of_channel if name == "wavelength_um" else "") for name in here])
            start, one = text[0].upper() + text[1:], len(here) == 1
            if origin == "assumed":
                how = f"taken over from {place.name}" if place.name else "assumed"
                said.append(f"{start} {'is' if one else 'are'} {how}: check {'it' if one else 'them'}.")
            else:
                kind = "layer" if place.layer else origin
                said.append(f"{start} from the {kind} {place.name}".rstrip() + ".")
    return said


def origins_in(record: Mapping[str, Any]) -> dict[str, Origin]:
    """Return where the numbers of a record are from, as far as it says: a dock writes all, others what was assumed."""
    kept, settings = record.get(ORIGINS_KEY), record.get("settings")
    assumed = settings.get("assumed") if isinstance(settings, Mapping) else None
    names = assumed if isinstance(assumed, list | tuple) else ()
    found: dict[str, Origin] = {name: "assumed" for name in NUMBERS if name in names}
    if isinstance(kept, Mapping):
        words: tuple[Origin, ...] = get_args(Origin)
        found |= {name: kept[name] for name in NUMBERS if kept.get(name) in words}
    return found


def assumptions(record: Mapping[str, Any]) -> str:
    """Say on which numbers that nobody has stated a result rests; empty where there are none.

    Parameters
    ----------
    record
        Of the result. It may come from another program or version: what cannot be understood counts as absent.
    """
    origins, settings = origins_in(record), record.get("settings")
    optics = settings.get("microscope") if isinstance(settings, Mapping) else None
    if not isinstance(optics, Mapping):
        return ""
    found = [
        f"{WORDS[name]} {optics[name]:g}{_UNITS.get(name, '')}"
        for name in NUMBERS
        if origins.get(name) == "assumed" and isinstance(optics.get(name), int | float)
    ]
    return f"Rests on assumed numbers: {listed(found)}." if found else ""
