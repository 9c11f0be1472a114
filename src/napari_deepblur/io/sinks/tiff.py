"""Results as OME-TIFF files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.claims import Claim
from napari_deepblur.io.compression import Compression, tiff_compression
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.ome_tiff import type_refusal
from napari_deepblur.io.ome_zarr import stored_axes
from napari_deepblur.io.output import check_writable, lack_of_room
from napari_deepblur.io.records import with_origin
from napari_deepblur.io.sinks.array import empty_result, waits_beside, write_part
from napari_deepblur.io.sinks.base import Form, Region, Sink
from napari_deepblur.io.sinks.blocks import pyramid_levels
from napari_deepblur.io.sinks.pyramid import coarser_levels
from napari_deepblur.io.sinks.reordered import in_order
from napari_deepblur.io.sinks.stored import StoredPixels, bytes_begun, bytes_of, storable, storing
from napari_deepblur.io.sinks.tiff_pixels import TiffPixels
from napari_deepblur.io.sinks.unfinished import Unfinished

_STORED_PIXELS = 2**20
"""Pixels of a result that is worth going on with."""

_LARGE = 4096
"""Longest side of planes that are written without the levels of a pyramid, in pixels."""


@final
class OmeTiffSink(Sink):
    """A result as an OME-TIFF file, which is there when the result is complete, whole or not at all.

    Planes with a side above 4096 pixels have the levels of a pyramid, which viewers of slides ask for.

    The planes of a file are compressed, and cannot be changed: until the end, the pixels wait in memory. A large result
    of which it is known what it is made of waits in a folder of zarr, where that is installed, so that a run that is
    killed can be gone on with; it is never in memory as a whole, and is read from the file when it is asked for.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    acquisition
        How the image was taken; axes, and the pixel size where it is known, are those of the result.
    made_of
        What decides the pixels, for the record.
    compression
        How the pixels are packed; ``"zstd"`` needs imagecodecs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        acquisition: Acquisition | None = None,
        made_of: Mapping[str, Any] | None = None,
        compression: Compression = "zlib",
    ) -> None:
        self._path, self._acquisition, self._made_of = Path(path), acquisition, made_of
        self._compression = compression
        self._claim = Claim(self._path)
        self._form: Form | None = None
        self._array: NDArray[Any] | None = None
        self._stored: StoredPixels | None = None

    def refusal(self, form: Form) -> str:
        """Say why the file cannot be written; empty where it can."""
        if not form.axes.removesuffix("S").endswith("YX"):
            return (
                f"{self._path} cannot be written: in OME-TIFF rows and columns are the last axes, then colours, and "
                f"those of the result are {form.axes}. Transpose the image."
            )
        unknown = type_refusal(self._path, np.dtype(form.dtype))
        if unknown:
            return unknown
        try:
            check_writable(self._path)
            tiff_compression(self._compression)
        except OutputError as error:
            return str(error)
        # All levels of a pyramid together are a third more than the image.
        size = bytes_of(form) * 4 // 3 if _has_levels(form) else bytes_of(form)
        # On one disk with the file lie, or may lie, the pixels that wait for it.
        copies = 1 + (self._stores(form) or waits_beside(self._path, size))
        return lack_of_room(self._path, size * copies - bytes_begun(self._path))

    def open(self, form: Form) -> None:
        """Make room for all pixels, or go on with what a killed run began."""
        self._claim.take()
        try:
            self._form = form
            if self._stores(form):
                with storing(self._path):
                    self._stored = StoredPixels(self._path, form, self._made_of)
            else:
                self._array = empty_result(form.shape, form.dtype)
        except BaseException:
            self._claim.give_back()
            raise

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Keep a part of a plane."""
        assert self._form is not None
        if self._stored is not None:
            with storing(self._path):
                self._stored.write(index, region, pixels)
            return
        assert self._array is not None
        write_part(self._array, self._form.axes, index, region, pixels)

    def unfinished(self) -> Unfinished | None:
        """Return what is there of a large result; of another one nothing."""
        return None if self._stored is None else self._stored.unfinished()

    def finish(self, record: Mapping[str, Any]) -> Any:
        """Write the file with its record."""
        assert self._form is not None
        form = self._form
        result: Any
        if self._stored is None:
            assert self._array is not None
            levels = coarser_levels(self._array, "S" in form.axes) if _has_levels(form) else []
            self._write(form, record, [self._array, *levels])
            result = self._array
        else:
            with storing(self._path):
                self._write(form, record, self._stored_levels(form, self._stored))
            self._stored.remove()
            self._stored = None
            result = TiffPixels(self._path, form)
        self._claim.give_back()
        return result

    def _write(self, form: Form, record: Mapping[str, Any], levels: Sequence[Any]) -> None:
        write_tiff(
            self._path,
            levels[0],
            pixel_size_um=form.pixel_size_um,
            axes=form.axes,
            record=with_origin(record, self._made_of),
            acquisition=self._acquisition,
            compression=self._compression,
            coarser=levels[1:],
        )

    def abandon(self) -> None:
        """Let go of the pixels, but what the next run can go on with; there is no file yet."""
        if self._stored is not None:
            self._stored.let_go()
        self._array = self._stored = None
        self._claim.give_back()

    def _stores(self, form: Form) -> bool:
        """Tell whether the pixels wait where the next run finds them."""
        large = math.prod(form.shape) >= _STORED_PIXELS
        return large and self._made_of is not None and storable(form.axes) and find_spec("zarr") is not None

    @staticmethod
    def _stored_levels(form: Form, stored: StoredPixels) -> list[Any]:
        """Return all levels in the order of the axes, finest first; those below the first are made in the folder."""
        stored.check()
        stored.blocks.flush()
        paths = pyramid_levels(stored.group, stored.blocks) if _has_levels(form) else ["0"]
        return [in_order(stored.group[path], stored_axes(form.axes), form.axes) for path in paths]


def _has_levels(form: Form) -> bool:
    return max(n for letter, n in zip(form.axes, form.shape, strict=True) if letter in "YX") > _LARGE
