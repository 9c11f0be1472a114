"""What is engraved on an objective: its numerical aperture and its immersion."""

from __future__ import annotations

import re

IMMERSION_INDEX = {
    "oil": 1.515, "water": 1.33, "waterdipping": 1.33, "air": 1.0, "dry": 1.0, "glycerol": 1.47, "silicone": 1.406,
}  # fmt: skip
"""Refractive indices of the immersion media that files name, at room temperature and in the green."""

_WORDS = {
    "oil": "oil", "oel": "oil", "öl": "oil",
    "w": "water", "wi": "water", "water": "water", "wasser": "water",
    "glyc": "glycerol", "gly": "glycerol", "glycerol": "glycerol", "glycerin": "glycerol",
    "sil": "silicone", "silicone": "silicone", "silicon": "silicone",
    "dry": "dry", "air": "air",
}  # fmt: skip
"""Abbreviations of the media; IMM, MULTI and CORR say that there are several, which is none that is known."""

_LETTERS = {"o": "oil", "w": "water", "g": "glycerol", "s": "silicone"}
"""What follows the magnification in names such as ``60XO``."""

_MAGNIFICATION = r"\d+(?:[.,]\d+)?\s*[x\u00d7]"
_APERTURE = r"([01]?[.,]\d{1,3})(?![\d.,]|\s*[x\u00d7]|\s*[-\u2013]\s*[01]?[.,]\d)"
"""A number that is one; of an iris such as 0.6-1.3 nobody knows how far it was open."""
_BY_NAME = re.compile(rf"\bN\.?A\.?\s*[:=]?\s*{_APERTURE}", re.IGNORECASE)
_BESIDE_MAGNIFICATION = re.compile(rf"{_MAGNIFICATION}[a-z]{{0,3}}\s*[/ ]?\s*{_APERTURE}", re.IGNORECASE)
_ALONE = re.compile(rf"(?:/|\s){_APERTURE}", re.IGNORECASE)
_COVER_GLASS = re.compile(
    r"(?:∞|inf|-|\b1[67]0|\b210)\s*/\s*[-\d.,]+|[\d.,]+\s*[mµμu]m\b"
    r"|\b(?:WD|FWD|zoom|optovar|tube|factor|mag(?:nification)?)\s*[:=]?\s*[\d.,]+",
    re.IGNORECASE,
)
_LETTER_OF_MEDIUM = re.compile(rf"{_MAGNIFICATION}([owgs])\b", re.IGNORECASE)


def immersion_index(medium: str) -> float | None:
    """Refractive index of a named immersion medium; None for ``"Multi"``, ``"Other"`` and what is unknown."""
    return IMMERSION_INDEX.get(medium.strip().lower())


def read_objective(engraving: str) -> dict[str, float]:
    """Read numerical aperture and immersion index from what is engraved on an objective.

    Parameters
    ----------
    engraving
        Such as ``"HC PL APO 63x/1.40 OIL CS2"`` or ``"UPLSAPO 60XO NA:1.35"``.

    Returns
    -------
    dict
        `na` and `n_immersion`, each only if it is there. A magnification such as 1.25x, a tube length, the thickness
        of a cover glass, a working distance and the factor of a zoom are no aperture.
    """
    found: dict[str, float] = {}
    text = _COVER_GLASS.sub(" ", engraving)
    without = re.sub(_MAGNIFICATION, " ", text, flags=re.IGNORECASE)
    aperture = _BY_NAME.search(text) or _BESIDE_MAGNIFICATION.search(text) or _ALONE.search(without)
    if aperture:
        found["na"] = float(aperture[1].replace(",", "."))
    media = {_WORDS[word] for word in re.findall(r"[^\W\d_]+", without.lower()) if word in _WORDS}
    media |= {_LETTERS[letter.lower()] for letter in _LETTER_OF_MEDIUM.findall(text)}
    indices = {IMMERSION_INDEX[medium] for medium in media}
    if len(indices) == 1:
        found["n_immersion"] = indices.pop()
    return found
