"""Microscopes that are none of wide field, whose images this program does not know how to deblur."""

from __future__ import annotations

import re
import warnings

from napari_deepblur.errors import ModalityWarning

_SIGNS = {
    "Airyscan": r"airyscan",
    "STED": r"\bsted\b",
    "light sheet": r"light.?sheet|\bspim\b|lattice",
    "multi-photon": r"multi.?photon|two.?photon",
    "single molecules": r"single.?molecule|\bstorm\b|\bpalm\b|\bsmlm\b",
    "structured illumination": r"structured.?illumination|\bsim\b|apotome",
    "confocal": r"confocal|spinning.?dis[ck]|\bcsu\b|\blsm\b|slitscan",
}
"""Kinds of microscope, and the words by which files name them; the more special ones first."""


def modality_in(*words: str) -> str:
    """Return the kind of microscope that words of a file name, such as ``"confocal"``; empty for wide field."""
    # OME writes LaserScanningConfocalMicroscopy.
    text = " ".join(words)
    return next((kind for kind, sign in _SIGNS.items() if re.search(sign, text, re.IGNORECASE)), "")


def warn_of_modality(name: str, modality: str) -> None:
    """Warn that an image was not taken in wide field, where that is so."""
    if modality:
        warnings.warn(
            f"{name} says that it was taken by another microscope than wide field ({modality}). The point spread "
            "functions of this program are those of wide field: the blur that is found, and the result, may be wrong.",
            ModalityWarning,
            stacklevel=3,
        )
