"""Results as OME-TIFF files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.output import check_writable
from napari_deepblur.io.sinks.array import empty_result, write_part
from napari_deepblur.io.sinks.base import Form, Region, Sink


@final
class OmeTiffSink(Sink):
    """A result as an OME-TIFF file, which is there when the result is complete, whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    acquisition
        How the image was taken; pixel size and axes are those of the result.
    """

    def __init__(self, path: str | os.PathLike[str], acquisition: Acquisition | None = None) -> None:
        self._path, self._acquisition = Path(path), acquisition
        self._form: Form | None = None
        self._array: NDArray[Any] | None = None

    def refusal(self, form: Form) -> str:
        """Say why the file cannot be written; empty where it can."""
        if not form.axes.removesuffix("S").endswith("YX"):
            return (
                f"{self._path} cannot be written: in OME-TIFF rows and columns are the last axes, then colours, and "
                f"those of the result are {form.axes}. Transpose the image."
            )
        try:
            check_writable(self._path)
        except OutputError as error:
            return str(error)
        return ""

    def open(self, form: Form) -> None:
        """Make room for all pixels: the planes of a file are compressed, and cannot be changed."""
        self._form, self._array = form, empty_result(form.shape, form.dtype)

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Keep a part of a plane."""
        assert self._form is not None and self._array is not None
        write_part(self._array, self._form.axes, index, region, pixels)

    def finish(self, record: Mapping[str, Any]) -> NDArray[Any]:
        """Write the file with its record."""
        assert self._form is not None and self._array is not None
        form = self._form
        write_tiff(
            self._path,
            self._array,
            pixel_size_um=form.pixel_size_um,
            axes=form.axes,
            record=record,
            acquisition=self._acquisition,
        )
        return self._array

    def abandon(self) -> None:
        """Let go of the pixels; there is no file yet."""
        self._array = None
