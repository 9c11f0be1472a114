"""What results are written into, part by part, whatever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.sinks.unfinished import Unfinished

Region = tuple[slice, slice]
"""Rows and columns of a part of a plane, both with a start and a stop."""


class Form(NamedTuple):
    """What a result will be, known before the first of its pixels.

    Attributes
    ----------
    shape
        Lengths of the axes.
    axes
        One letter of `io.axes.AXES` for each.
    dtype
        Type of the pixels.
    pixel_size_um
        Side of a pixel, where it is known.
    """

    shape: tuple[int, ...]
    axes: str
    dtype: np.dtype[Any]
    pixel_size_um: float | None = None


class Sink(ABC):
    """What a result is written into, in parts: an array, a file.

    First `refusal`, then `open`, then `write` for all parts, then either `finish` or `abandon`. Parts are disjoint,
    each is complete when it comes, and together they are the whole; only where memory ran out, and the tiles of a plane
    became smaller, its parts come again, and the last ones count.
    """

    @abstractmethod
    def refusal(self, form: Form) -> str:
        """Say why a result of this form cannot be written here, and what to do; empty where it can."""

    @abstractmethod
    def open(self, form: Form) -> None:
        """Get ready; raises `OutputError` where there is no room for it."""

    @abstractmethod
    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Write a part of a plane.

        Parameters
        ----------
        index
            Position of the plane along the axes that are not rows or columns.
        region
            Which rows and columns.
        pixels
            As (rows, columns), whatever the order of the axes; for integers they are rounded, and cut to their range.
        """

    @abstractmethod
    def unfinished(self) -> Unfinished | None:
        """Return what is there of the result, once it is open; None where nobody can go on with it."""

    @abstractmethod
    def finish(self, record: Mapping[str, Any]) -> Any:
        """Conclude, and keep how the result was made; return it as an array, or what is indexed like one."""

    @abstractmethod
    def abandon(self) -> None:
        """Give up, and leave nothing that looks like a result; what another run can go on with may stay."""
