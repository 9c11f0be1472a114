"""Results as OME-TIFF files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.claims import Claim
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.output import check_writable, lack_of_room
from napari_deepblur.io.records import with_origin
from napari_deepblur.io.sinks.array import empty_result, waits_beside, write_part
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
    made_of
        What decides the pixels, for the record.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        acquisition: Acquisition | None = None,
        made_of: Mapping[str, Any] | None = None,
    ) -> None:
        self._path, self._acquisition, self._made_of = Path(path), acquisition, made_of
        self._claim = Claim(self._path)
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
        size = math.prod(form.shape) * form.dtype.itemsize
        # On one disk with the file may lie the pixels that wait for it.
        return lack_of_room(self._path, size * (2 if waits_beside(self._path, size) else 1))

    def open(self, form: Form) -> None:
        """Make room for all pixels: the planes of a file are compressed, and cannot be changed."""
        self._claim.take()
        try:
            self._form, self._array = form, empty_result(form.shape, form.dtype)
        except BaseException:
            self._claim.give_back()
            raise

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Keep a part of a plane."""
        assert self._form is not None and self._array is not None
        write_part(self._array, self._form.axes, index, region, pixels)

    def unfinished(self) -> None:
        """Return nothing: until it is complete, a file of compressed planes is none."""

    def finish(self, record: Mapping[str, Any]) -> NDArray[Any]:
        """Write the file with its record."""
        assert self._form is not None and self._array is not None
        form = self._form
        write_tiff(
            self._path,
            self._array,
            pixel_size_um=form.pixel_size_um,
            axes=form.axes,
            record=with_origin(record, self._made_of),
            acquisition=self._acquisition,
        )
        self._claim.give_back()
        return self._array

    def abandon(self) -> None:
        """Let go of the pixels; there is no file yet."""
        self._array = None
        self._claim.give_back()
