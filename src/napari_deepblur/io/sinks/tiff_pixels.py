"""The pixels of a result that became an OME-TIFF file, read from it when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.lazy_image import full_key
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.sinks.base import Form
from napari_deepblur.io.sinks.reordered import in_order


@final
class TiffPixels:
    """A result in a file, which is open only while something is read.

    Parameters
    ----------
    path
        The file.
    form
        What the result is; readers leave out axes of length one.

    Attributes
    ----------
    shape, dtype, ndim
        Of the result.
    """

    def __init__(self, path: Path, form: Form) -> None:
        self._path, self._axes = path, form.axes
        self.shape, self.dtype, self.ndim = form.shape, form.dtype, len(form.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        entries = full_key(key, self.ndim)
        with open_image(self._path) as image:
            there = [letter in image.axes for letter in self._axes]
            axes = "".join(letter for letter, is_there in zip(self._axes, there, strict=True) if is_there)
            own = tuple(entry for entry, is_there in zip(entries, there, strict=True) if is_there)
            part = np.asarray(in_order(image, image.axes, axes)[own])
        sides = [
            slice(None) if is_there else None
            for entry, is_there in zip(entries, there, strict=True)
            if isinstance(entry, slice)
        ]
        return part[tuple(sides)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)
