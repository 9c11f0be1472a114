"""What the fields of the settings say about themselves, for forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.pipeline.options import option

if TYPE_CHECKING:
    from napari_deepblur.pipeline.options import Option

_UNITS = {"": "no unit", "µm": "in micrometres", "intensity": "in the image's units of intensity"}


def tooltip(name: str) -> str:
    """Return the description of an option, with its unit."""
    return tooltip_of(option(name))


def label(name: str) -> str:
    """Return the title of an option, with its unit where this is short."""
    return label_of(option(name))


def tooltip_of(known: Option) -> str:
    """Return the description of a field, with its unit."""
    return f"{known.description} ({_UNITS.get(known.unit, f'in {known.unit}')})."


def label_of(known: Option) -> str:
    """Return the title of a field, with its unit where this is short."""
    return f"{known.title} ({known.unit})" if known.unit in ("µm", "intensity") else known.title
