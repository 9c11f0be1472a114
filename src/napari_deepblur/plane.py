"""One plane that is read by regions: what a large image is, to everything that looks at it.

An array is such a plane, too: whatever takes a `Plane` reads `plane[rows, columns]`, and holds no more than that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.packed_mask import AnyMask, PackedMask, Region, spans

LARGEST_WHOLE = 2**23
"""Pixels of the largest plane that is held as a whole, some 90 bytes for each; larger ones are read by regions."""


class RegionPlane(ABC):
    """A plane that is read by regions, each time anew.

    Attributes
    ----------
    shape
        Rows and columns.
    dtype
        float32.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.kept: dict[Any, Any] = {}
        """What was found out about it in a pass over all of it, so that it is found out once."""

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @final
    def __getitem__(self, key: Region) -> NDArray[np.float32]:
        """Read rows and columns, both slices of step 1."""
        return self.read(*spans(key, self.shape))

    @abstractmethod
    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Read rows and columns, both with a start and a stop inside the plane; contiguous, and nobody else's."""


Plane = NDArray[Any] | RegionPlane
"""Shape (H, W)."""

Mask = AnyMask
"""True or False for each pixel of a plane; of one that is read by regions it is kept packed."""


@final
class SourcePlane(RegionPlane):
    """A plane of a file, or of an array of any kind, as float32.

    Parameters
    ----------
    shape
        Rows and columns.
    read_region
        Reads rows and columns in any real type; perhaps masked.
    """

    def __init__(self, shape: tuple[int, int], read_region: Callable[[Region], Any]) -> None:
        super().__init__(shape)
        self._read_region = read_region
        self.under_mask = np.float32(0)
        """What stands where the source is masked."""

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Read a region."""
        part = self.raw(rows, columns)
        with np.errstate(over="ignore"):
            values = np.array(np.ma.getdata(part), dtype=np.float32)
        if isinstance(part, np.ma.MaskedArray):
            values[np.ma.getmaskarray(part)] = self.under_mask
        return values

    def raw(self, rows: slice, columns: slice) -> Any:
        """Read a region as it is in the source."""
        return self._read_region((rows, columns))


@final
class ChangedPlane(RegionPlane):
    """A plane whose pixels are those of another one, changed one by one."""

    def __init__(self, plane: RegionPlane, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
        super().__init__(plane.shape)
        self._plane, self._change = plane, change

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Read a region."""
        return self._change(self._plane[rows, columns])


def widened(region: Region, shape: tuple[int, int], reach: int) -> tuple[Region, Region]:
    """Return a region with `reach` pixels around it, as far as a plane of this shape goes, and where it is in there."""
    rows, columns = (
        slice(max(part.start - reach, 0), min(part.stop + reach, n)) for part, n in zip(region, shape, strict=True)
    )
    return (rows, columns), inside_of(region, (rows, columns))


def inside_of(region: Region, around: Region) -> Region:
    """Return where a region is in one that holds it."""
    rows, columns = (slice(r.start - a.start, r.stop - a.start) for r, a in zip(region, around, strict=True))
    return rows, columns


def mask_of(plane: Plane) -> Mask:
    """Return a mask for a plane, False everywhere."""
    return PackedMask(plane.shape) if isinstance(plane, RegionPlane) else np.zeros(plane.shape, bool)


def is_large(shape: tuple[int, ...]) -> bool:
    """Tell whether a plane of this shape is read by regions."""
    return int(np.prod(shape, dtype=np.int64)) > LARGEST_WHOLE
