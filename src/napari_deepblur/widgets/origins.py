"""Where each number of the optics comes from, and which of them nobody has stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

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


def listed(words: Sequence[str]) -> str:
    """Write several words as people do."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def assumptions(record: Mapping[str, Any]) -> str:
    """Say on which numbers that nobody has stated a result rests; empty where there are none.

    Parameters
    ----------
    record
        Of the result. It may come from another program or version: what cannot be understood counts as absent.
    """
    origins, settings = record.get(ORIGINS_KEY), record.get("settings")
    optics = settings.get("microscope") if isinstance(settings, Mapping) else None
    if not isinstance(origins, Mapping) or not isinstance(optics, Mapping):
        return ""
    found = [
        f"{WORDS[name]} {optics[name]:g}{_UNITS.get(name, '')}"
        for name in NUMBERS
        if origins.get(name) == "assumed" and isinstance(optics.get(name), int | float)
    ]
    return f"Rests on assumed numbers: {listed(found)}." if found else ""
