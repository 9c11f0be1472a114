"""Where and when each plane of an image was taken: the place of the stage, the time, the exposure."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

REFERENCE_FRAME = "reference frame"
"""What OME calls the unit of a place whose unit nobody knows."""

_MOST = 2**20
"""Planes beyond which a table of them is not believed."""


class PlaneTaken(NamedTuple):
    """Where and when one plane was taken; None for what is not said.

    Attributes
    ----------
    z, y, x
        Place of the stage, in the units of `TakenPlanes`.
    time_s
        Time since the start of the acquisition, in seconds.
    exposure_s
        Exposure, in seconds.
    """

    z: float | None = None
    y: float | None = None
    x: float | None = None
    time_s: float | None = None
    exposure_s: float | None = None


@dataclass(frozen=True)
class TakenPlanes:
    """Where and when the planes of an image were taken, along the axes on which that depends.

    Attributes
    ----------
    axes, lengths
        Those leading axes along which any of it differs, and their lengths.
    planes
        One entry for each place along them, the last axis fastest.
    units
        Of z, y and x: ``"µm"``, or `REFERENCE_FRAME`.
    """

    axes: str
    lengths: tuple[int, ...]
    planes: tuple[PlaneTaken, ...]
    units: tuple[str, str, str] = ("µm", "µm", "µm")

    @classmethod
    def of(
        cls,
        axes: str,
        lengths: Sequence[int],
        taken: Callable[[tuple[int, ...]], PlaneTaken | None],
        units: tuple[str, str, str] = ("µm", "µm", "µm"),
    ) -> Self | None:
        """Collect what is known of every plane; None where nothing is.

        Parameters
        ----------
        axes, lengths
            All leading axes, and their lengths.
        taken
            Returns what is known of the plane at a position along them.
        units
            As above.
        """
        if math.prod(lengths) > _MOST:
            return None
        nothing = PlaneTaken()
        table = {index: taken(index) or nothing for index in itertools.product(*map(range, lengths))}
        if all(one == nothing for one in table.values()):
            return None
        kept = []
        for place, length in enumerate(lengths):
            # Of every plane the one that is first along this axis: where they are the same, it decides nothing.
            same = all(one == table[(*index[:place], 0, *index[place + 1 :])] for index, one in table.items())
            kept += [] if same or length == 1 else [place]
        first = tuple(0 for _ in lengths)
        sides = [range(length) if place in kept else (0,) for place, length in enumerate(lengths)]
        return cls(
            "".join(axes[place] for place in kept),
            tuple(lengths[place] for place in kept),
            tuple(table.get(index, table[first]) for index in itertools.product(*sides)),
            units,
        )

    @classmethod
    def from_json(cls, values: Any) -> Self | None:
        """Read what `dataclasses.asdict` wrote, perhaps by way of JSON; None where it cannot be understood."""
        if isinstance(values, cls) or not isinstance(values, Mapping):
            return values if isinstance(values, cls) else None
        try:
            planes = tuple(PlaneTaken(*map(_finite_or_none, one)) for one in values["planes"])
            lengths = tuple(int(length) for length in values["lengths"])
            axes, units = str(values["axes"]), tuple(map(str, values["units"]))
        except (KeyError, TypeError, ValueError):
            return None
        if len(axes) != len(lengths) or len(units) != 3 or len(planes) != math.prod(lengths):
            return None
        return cls(axes, lengths, planes, (units[0], units[1], units[2]))

    @property
    def first(self) -> PlaneTaken:
        """The first plane."""
        return self.planes[0]

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON knows it; `from_json` reads it."""
        return dataclasses.asdict(self)

    def each(self, axes: str, shape: Sequence[int]) -> list[PlaneTaken]:
        """Return what is known of every plane of an array, in its order; nothing where its axes are others.

        Parameters
        ----------
        axes, shape
            Of the array. What depends on an axis that it has not is not known.
        """
        sides = {letter: length for letter, length in zip(axes, shape, strict=True) if letter not in "YXS"}
        if any(sides.get(letter, length) != length for letter, length in zip(self.axes, self.lengths, strict=True)):
            return []
        absent = [letter for letter in self.axes if letter not in sides]
        unknown = [
            place for place in range(len(PlaneTaken._fields)) if any(self._differs(place, one) for one in absent)
        ]
        found = []
        for index in itertools.product(*map(range, sides.values())):
            place = 0
            at = dict(zip(sides, index, strict=True))
            for letter, length in zip(self.axes, self.lengths, strict=True):
                place = place * length + at.get(letter, 0)
            plane = self.planes[place]
            found.append(PlaneTaken(*(None if k in unknown else value for k, value in enumerate(plane))))
        return found

    def _differs(self, field: int, letter: str) -> bool:
        """Tell whether a field is not the same all along an axis."""
        at = self.axes.index(letter)
        stride = math.prod(self.lengths[at + 1 :])
        first = [place - stride * (place // stride % self.lengths[at]) for place in range(len(self.planes))]
        return any(self.planes[a][field] != plane[field] for a, plane in zip(first, self.planes, strict=True))


def _finite_or_none(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number
