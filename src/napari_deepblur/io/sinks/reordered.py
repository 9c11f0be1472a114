"""An array whose axes are read in another order than they are stored in."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.lazy_image import full_key


def in_order(array: Any, stored: str, axes: str) -> Any:
    """Return an array with its axes in another order, read in parts.

    Parameters
    ----------
    array
        Anything that is indexed like an array.
    stored
        A letter for each of its axes.
    axes
        The letters in the order that is wanted; ``S`` is what is stored as ``C``.
    """
    stored, wanted = stored.replace("S", "C"), axes.replace("S", "C")
    return array if stored == wanted else _Reordered(array, tuple(stored.index(letter) for letter in wanted))


@final
class _Reordered:
    def __init__(self, array: Any, order: tuple[int, ...]) -> None:
        self._array, self._order = array, order
        self.shape = tuple(array.shape[place] for place in order)
        self.dtype, self.ndim = array.dtype, array.ndim

    def __getitem__(self, key: Any) -> NDArray[Any]:
        entries = full_key(key, self.ndim)
        own: list[Any] = [slice(None)] * self.ndim
        for entry, place in zip(entries, self._order, strict=True):
            own[place] = entry
        part = np.asarray(self._array[tuple(own)])
        left = [place for entry, place in zip(entries, self._order, strict=True) if isinstance(entry, slice)]
        return part.transpose([sorted(left).index(place) for place in left])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)
