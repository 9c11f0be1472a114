"""Where an image of OME-Zarr begins, as its translation says, and where and when its planes were taken: both ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.acquisition import in_seconds, in_um
from napari_deepblur.io.taken_planes import PlaneTaken, TakenPlanes

_FIELDS = {"Z": "z", "Y": "y", "X": "x", "T": "time_s"}
_UNITS = {"Z": 0, "Y": 1, "X": 2}
_AGREE = 1e-6


def placed(
    kept: TakenPlanes | None,
    letters: str,
    shape: Sequence[int],
    units: Sequence[str],
    start: NDArray[np.float64],
    steps: NDArray[np.float64],
) -> TakenPlanes | None:
    """Return where and when the planes of an image were taken.

    Plane k along an axis lies at start + k step. Where this program wrote the image, it has kept a table, which counts
    as long as it begins where the image does: another program may have cut or moved the image.

    Parameters
    ----------
    kept
        That table, if there is one.
    letters, shape
        The axes, and their lengths.
    units
        Their units, as the image names them.
    start, steps
        Of each axis, in its unit.
    """
    known = [_begins(letter, unit, value) for letter, unit, value in zip(letters, units, start, strict=True)]
    if kept is not None and kept.each(letters, shape):
        expected = started(kept, letters, [value is not None for value in known])
        found = [0.0 if value is None else value for value in known]
        if np.allclose(found, expected, rtol=_AGREE, atol=_AGREE):
            return kept
    if not np.any(start):
        return None
    leading = letters.removesuffix("YX")
    first = dict(zip(letters, known, strict=True))
    strides = {
        letter: _begins(letter, unit, step) or 0.0 for letter, unit, step in zip(letters, units, steps, strict=True)
    }
    moves = bool(first.get("T"))

    def taken(index: tuple[int, ...]) -> PlaneTaken:
        at = dict(zip(leading, index, strict=True))
        place = {
            _FIELDS[letter]: value + at.get(letter, 0) * strides[letter]
            for letter, value in first.items()
            # Frames that begin at zero need no table: the time between them says it.
            if value is not None and (letter != "T" or moves)
        }
        return PlaneTaken(**place)

    return TakenPlanes.of(leading, shape[: len(leading)], taken)


def started(planes: TakenPlanes, letters: str, counts: Sequence[bool]) -> list[float]:
    """Return where an image begins along each axis, in micrometres and seconds: where its first plane was taken.

    Parameters
    ----------
    planes
        Where and when the planes were taken.
    letters
        The axes.
    counts
        Which of these have a unit, without which a place means nothing.
    """
    starts = []
    for letter, has_unit in zip(letters, counts, strict=True):
        value = getattr(planes.first, _FIELDS[letter]) if letter in _FIELDS else None
        known = has_unit and (letter not in _UNITS or planes.units[_UNITS[letter]] == "µm")
        starts.append(value if known and value is not None else 0.0)
    return starts


def _begins(letter: str, unit: str, value: float) -> float | None:
    """Return a place in micrometres or a time in seconds; None for other axes, and where the unit is none."""
    if letter == "T":
        return in_seconds(value, unit)
    return in_um(value, unit) if letter in _UNITS else None
