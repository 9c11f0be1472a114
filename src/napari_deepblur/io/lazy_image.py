"""An image of a file that is read a plane at a time, with what its file says about it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.diagnosis import diagnosed

Index = tuple[int, ...]
"""Position along the leading axes."""

Inner = tuple[slice, ...]
"""Which rows, columns and perhaps colours: slices of step 1 with a start and a stop."""

ReadPart = Callable[[Index, Inner], NDArray[Any]]
"""Reads a part of the plane at a position."""


class _Pixels(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...


Level = TypeVar("Level", bound=_Pixels)
"""An array of some kind."""


@final
class LazyImage:
    """One image of a file: an array of planes, none of which is read before it is asked for.

    It is indexed as an array is (whole numbers, slices, ``...``), and ``numpy.asarray`` reads all of it.

    Parameters
    ----------
    read
        Reads the plane at a position along the leading axes: shape (rows, columns) or (rows, columns, colours).
    axes
        One letter for each axis: ``?`` where the file does not say; rows and columns, then perhaps colours, at the end.
        A section along the depth has planes of ``ZX``.
    shape, dtype
        Of the array.
    acquisition
        How the image was taken, with the origin of each number.
    name
        Name of the image in its file.
    scenes, scene
        Names of all images of the file, and the index of this one among them.
    close
        Closes the file.
    files
        Those that it lies in, where they are several.
    read_part
        Reads a part of the plane at a position, where the file can be read by less than planes.
    coarser
        Opens the levels of its pyramid with fewer rows and columns, finest first; asked at most once.

    Attributes
    ----------
    axes, shape, dtype, acquisition, name, scenes, scene, files
        As above.
    """

    def __init__(
        self,
        read: Callable[[Index], NDArray[Any]],
        axes: str,
        shape: Sequence[int],
        dtype: Any,
        acquisition: Acquisition,
        *,
        name: str = "",
        scenes: Sequence[str] = (),
        scene: int = 0,
        close: Callable[[], None] | None = None,
        files: Sequence[Path] = (),
        read_part: ReadPart | None = None,
        coarser: Callable[[], Sequence[LazyImage]] = tuple,
    ) -> None:
        self._read, self._read_part = read, read_part
        self._coarser = coarser
        self._finest: LazyImage | None = None
        self.axes = axes
        self.shape = tuple(int(length) for length in shape)
        self.dtype = np.dtype(dtype)
        self.acquisition = acquisition
        self.name = name
        self.scenes = tuple(scenes) or (name,)
        self.scene = scene
        self.files = tuple(files)
        self._leading = len(axes.removesuffix("S")) - 2
        self.close: Callable[[], Any] = (lambda: None) if close is None else weakref.finalize(self, close)
        """Close the file; after that nothing more can be read."""
        if len(self.axes) != len(self.shape) or self._leading < 0:
            raise ImageError(f"The axes {axes!r} do not fit an image of shape {self.shape}.")

    @classmethod
    def of_array(cls, array: NDArray[Any], axes: str, acquisition: Acquisition, **more: Any) -> Self:
        """Make one of an array in memory; its axes end with rows and columns, or with these and colours."""
        return cls(lambda index: array[index], axes, array.shape, array.dtype, acquisition, **more)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def reads_parts(self) -> bool:
        """Whether a part of a plane is read without all of the plane."""
        return self._read_part is not None

    @cached_property
    def coarser(self) -> tuple[LazyImage, ...]:
        """Levels of its pyramid with fewer rows and columns, finest first; what is said of them is of the finest.

        Raises
        ------
        ImageError
            If the file has levels that cannot be read.
        """
        with diagnosed(Path(self.acquisition.source)):
            levels = tuple(self._coarser())
        for level in levels:
            # The file closes with the finest one.
            level._finest = self
        return levels

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes that all of it takes in memory."""
        return self.size * int(self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LazyImage {self.name!r} {self.axes} {self.shape} {self.dtype}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("An image of a file cannot be read without a copy of it.")
        return np.asarray(self[...], dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part: the planes that it lies in, one after another."""
        full = full_key(key, self.ndim)
        leading = [range(n)[k] for n, k in zip(self.shape, full[: self._leading], strict=False)]
        inner = full[self._leading :]
        lists = [[chosen] if isinstance(chosen, int) else chosen for chosen in leading]
        kept = [len(chosen) for chosen, where in zip(lists, leading, strict=True) if not isinstance(where, int)]
        with diagnosed(Path(self.acquisition.source)):
            if not kept:
                return self._part(tuple(chosen[0] for chosen in lists), inner)
            sides = [len(range(n)[k]) for n, k in zip(self.shape[self._leading :], inner, strict=True)
                     if not isinstance(k, int)]  # fmt: skip
            found = np.empty((int(np.prod(kept)), *sides), self.dtype)
            for place, index in enumerate(product(*lists)):
                found[place] = self._part(index, inner)
        return found.reshape(*kept, *sides)

    def transpose(self, order: Sequence[int]) -> Any:
        """Return the axes in another order; as long as rows, columns and colours stay last, nothing is read."""
        tail = tuple(range(self._leading, self.ndim))
        if tuple(order[self._leading :]) != tail:
            return np.asarray(self).transpose(order)
        if tuple(order) == tuple(range(self.ndim)):
            return self
        return _Permuted(self, tuple(order[: self._leading]))

    def _part(self, index: Index, inner: Sequence[int | slice]) -> NDArray[Any]:
        """Read a part of a plane, by itself where that is less to read."""
        sides = self.shape[self._leading :]
        spans = [range(n)[k] for n, k in zip(sides, inner, strict=True) if isinstance(k, slice)]
        pieces = tuple(slice(one.start, one.stop) for one in spans if one.step == 1)
        whole = [len(one) for one in spans] == list(sides)
        if self._read_part is None or len(pieces) < len(sides) or whole:
            return np.asarray(self._plane(index)[tuple(inner)])
        return np.asarray(self._read_part(index, pieces))

    def _plane(self, index: Index) -> NDArray[Any]:
        plane = self._read(index)
        if plane.shape != self.shape[self._leading :]:
            raise ImageError(
                f"{self.acquisition.source} has a plane of shape {plane.shape} where its others are "
                f"{self.shape[self._leading :]}: the file is damaged."
            )
        return plane


@final
class _Permuted:
    """A `LazyImage` whose leading axes are in another order."""

    def __init__(self, image: LazyImage, order: tuple[int, ...]) -> None:
        self._image, self._order = image, order
        places = (*order, *range(len(order), image.ndim))
        self.shape = tuple(image.shape[place] for place in places)
        self.dtype, self.ndim = image.dtype, image.ndim
        self.reads_parts = image.reads_parts

    def __getitem__(self, key: Any) -> NDArray[Any]:
        full = full_key(key, self.ndim)
        k = len(self._order)
        own: list[Any] = [slice(None)] * k
        for place, axis in enumerate(self._order):
            own[axis] = full[place]
        part = self._image[(*own, *full[k:])]
        left = [axis for place, axis in enumerate(self._order) if not isinstance(full[place], int)]
        ranks = [sorted(left).index(axis) for axis in left]
        return part.transpose(*ranks, *range(len(ranks), part.ndim))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)


def reads_parts(array: Any) -> bool:
    """Tell whether a part of a plane is read without all of the plane; arrays that are no files can be."""
    return bool(array.reads_parts) if isinstance(array, LazyImage | _Permuted) else True


def levels_after_first(levels: Iterable[Level], leading: int) -> list[Level]:
    """Return the levels of a pyramid after its first, as far as they are ever smaller images of the same planes.

    Parameters
    ----------
    levels
        Arrays, the finest first.
    leading
        Number of their axes before rows and columns.
    """
    sides = slice(leading, leading + 2)
    kept: list[Level] = []
    for level in levels:
        if kept:
            fine, shape = kept[-1].shape, tuple(level.shape)
            other = shape[:leading] + shape[sides.stop :] != fine[:leading] + fine[sides.stop :]
            larger = any(n > most for n, most in zip(shape[sides], fine[sides], strict=False))
            if len(shape) != len(fine) or other or larger or shape == tuple(fine) or level.dtype != kept[0].dtype:
                break
        kept.append(level)
    return kept[1:]


def full_key(key: Any, ndim: int) -> tuple[int | slice, ...]:
    """Write an index with one entry for each axis."""
    entries = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in entries:
        place = entries.index(Ellipsis)
        entries[place : place + 1] = [slice(None)] * (ndim - len(entries) + 1)
    entries += [slice(None)] * (ndim - len(entries))
    if len(entries) > ndim:
        raise IndexError(f"{len(entries)} indices for an image of {ndim} axes.")
    return tuple(entry if isinstance(entry, slice) else int(entry) for entry in entries)
