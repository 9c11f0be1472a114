"""Where the stage was when the planes of a LIF file were taken, in its metadata in metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from napari_deepblur.io.acquisition import as_number
from napari_deepblur.io.taken_planes import PlaneTaken, TakenPlanes

_SETTINGS = ("ATLConfocalSettingDefinition", "ATLCameraSettingDefinition")
_UM = 1e6
_AGREES = 0.01


def lif_planes(element: Element, axes: str, shape: Sequence[int], spacing_um: float | None) -> TakenPlanes | None:
    """Read the places of the stage; None where nothing is said.

    Parameters
    ----------
    element
        The element of an image.
    axes, shape
        Of its array. Positions, P, are the tiles of a scan.
    spacing_um
        Distance between its planes; where first and last are not that far apart, they are those of another axis.
    """
    settings = next((one for one in element.iter() if one.tag in _SETTINGS), None)
    tiles = [one for one in element.iter("Tile") if one.get("PosX") is not None]
    if settings is None and not tiles:
        return None
    own = Element("none") if settings is None else settings
    y, x, one_z, begin, end = (_um(own, name) for name in ("StagePosY", "StagePosX", "ZPosition", "Begin", "End"))
    leading = axes.removesuffix("S")[:-2]
    lengths = dict(zip(leading, shape, strict=False))
    sections = "Z" in axes and "Z" not in leading
    count = lengths.get("Z", 1)
    step = None if begin is None or end is None or count == 1 else (end - begin) / (count - 1)
    agrees = step is not None and spacing_um is not None and math.isclose(abs(step), spacing_um, rel_tol=_AGREES)
    tiled = bool(tiles) and len(tiles) == lengths.get("P", 1)

    def taken(index: tuple[int, ...]) -> PlaneTaken:
        at = dict(zip(leading, index, strict=True))
        tile = tiles[at.get("P", 0)] if tiled else None
        row, column = (y, x) if tile is None else (_um(tile, "PosY"), _um(tile, "PosX"))
        if count == 1:
            return PlaneTaken(None if sections else one_z, row, column)
        z = begin + at["Z"] * step if begin is not None and step is not None and agrees else None
        return PlaneTaken(z, row, column)

    return TakenPlanes.of(leading, list(lengths.values()), taken)


def _um(element: Element, name: str) -> float | None:
    metres = as_number(element.get(name))
    return None if metres is None else _UM * metres
