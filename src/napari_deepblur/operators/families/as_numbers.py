"""Arrays of numbers and sides of fields, as families are given them."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import FamilyError


def as_numbers(values: ArrayLike, name: str, kind: type[np.floating[Any]], expected: str) -> NDArray[Any]:
    """Return a new array of numbers.

    Parameters
    ----------
    values
        What was given.
    name
        What it is called, for the message.
    kind
        Type of the numbers.
    expected
        What it should be, for the message.

    Raises
    ------
    FamilyError
        If there are no numbers in it.
    """
    try:
        return np.asarray(values, dtype=kind).copy()
    except (TypeError, ValueError, OverflowError) as error:
        raise FamilyError(f"{name} is {values!r:.80}, expected {expected}.") from error


def as_field_shape(value: Any) -> tuple[int, int]:
    """Return rows and columns of a field; raises `FamilyError` where they are not two positive whole numbers."""
    sides = tuple(value) if np.iterable(value) else (value,)
    if len(sides) != 2 or not all(isinstance(side, Integral) and int(side) >= 1 for side in sides):
        raise FamilyError(f"field_shape is {value!r:.80}, expected two positive whole numbers of pixels.")
    return int(sides[0]), int(sides[1])
