"""Why a bead is not used: words for tables and windows, which need nothing of what finds beads."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a bead is not used."""

    KEPT = ""
    BORDER = "near the border"
    NEIGHBOUR = "neighbour closer than a patch"
    SATURATED = "saturated"
    DIM = "too dim"
    SHAPE = "not round enough to be one bead"
    OUTLIER = "outlier against the template"
    USER = "excluded by hand"
    PIXEL = "a pixel of the camera: sharper than the optics allow, in most planes"
