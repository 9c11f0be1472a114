"""Results as OME-Zarr 0.5, written block by block as their tiles are completed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.axes import leading
from napari_deepblur.io.claims import Claim
from napari_deepblur.io.compression import Compression
from napari_deepblur.io.diagnosis import FORMATS
from napari_deepblur.io.folders import check_place, complete_folder
from napari_deepblur.io.formats.zarr_metadata import OWN
from napari_deepblur.io.ome_zarr import image_attributes, stored_axes
from napari_deepblur.io.output import lack_of_room
from napari_deepblur.io.records import with_origin
from napari_deepblur.io.sinks.base import Form, Region, Sink
from napari_deepblur.io.sinks.blocks import pyramid_levels
from napari_deepblur.io.sinks.reordered import in_order
from napari_deepblur.io.sinks.stored import StoredPixels, bytes_begun, bytes_of, storable, storing
from napari_deepblur.io.sinks.unfinished import Unfinished, unmark
from napari_deepblur.plane import Mask, Plane


@final
class OmeZarrSink(Sink):
    """A result as an OME-Zarr folder with a pyramid, which is there when the result is complete, whole or not at all.

    Parameters
    ----------
    path
        The folder; one that this program wrote is replaced, another never.
    acquisition
        How the image was taken; axes, and the pixel size where it is known, are those of the result.
    made_of
        What decides the pixels, for the record. A folder that a killed run has begun of the same is gone on with.
    compression
        How the pixels are packed; ``"zlib"`` is what zarr calls gzip.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        acquisition: Acquisition | None = None,
        made_of: Mapping[str, Any] | None = None,
        compression: Compression = "zstd",
    ) -> None:
        self._path, self._acquisition, self._made_of = Path(path), acquisition or Acquisition(), made_of
        self._compression = compression
        self._claim = Claim(self._path)
        self._form: Form | None = None
        self._stored: StoredPixels | None = None
        self._ranges: list[tuple[float, float]] = []

    def refusal(self, form: Form) -> str:
        """Say why the folder cannot be written; empty where it can."""
        if find_spec("zarr") is None:
            return f"{self._path} is written by the package zarr, which is not installed. Install it with {FORMATS}."
        if not storable(form.axes):
            return (
                f"{self._path} cannot be written: OME-Zarr has the axes time, one of channels or colours, depth, rows "
                f"and columns, and those of the result are {form.axes}. Write an image for each position, or OME-TIFF."
            )
        try:
            check_store(self._path)
        except OutputError as error:
            return str(error)
        # All levels of a pyramid together are a third more than the image.
        size = bytes_of(form) * 4 // 3
        return lack_of_room(self._path, size - bytes_begun(self._path))

    def open(self, form: Form) -> None:
        """Begin a folder beside the one that is meant, or go on with the one that a killed run began."""
        self._claim.take()
        self._form = form
        lengths = dict(zip(form.axes.replace("S", "C"), form.shape, strict=True))
        self._ranges = [(math.inf, -math.inf)] * lengths.get("C", 1)
        try:
            with storing(self._path):
                self._stored = StoredPixels(self._path, form, self._made_of, self._compression)
        except BaseException:
            self._claim.give_back()
            raise

    def unfinished(self) -> Unfinished | None:
        """Return what is there, if it is known what it is made of."""
        if self._stored is None or self._made_of is None:
            return None
        return Unfinished(self._stored.folder, self._written)

    def _written(self, index: Sequence[int]) -> tuple[Plane, Mask]:
        assert self._stored is not None
        return self._stored.read_written(index, partial(self._widen, index))

    def _widen(self, index: Sequence[int], pixels: NDArray[Any]) -> None:
        """Let the range of the channel of a plane hold these pixels."""
        assert self._form is not None
        places = dict(zip(leading(self._form.axes).replace("S", "C"), index, strict=True))
        channel = places.get("C", 0)
        finite = pixels[np.isfinite(pixels)]
        if finite.size:
            low, high = self._ranges[channel]
            self._ranges[channel] = min(low, float(finite.min())), max(high, float(finite.max()))

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Keep a part of a plane until the blocks that it lies in are complete, then write these."""
        assert self._stored is not None
        self._widen(index, pixels)
        with storing(self._path):
            self._stored.write(index, region, pixels)

    def finish(self, record: Mapping[str, Any]) -> Any:
        """Write the pyramid and the record, and put the folder in its place."""
        import zarr

        assert self._form is not None and self._stored is not None
        form, stored = self._form, self._stored
        # A blur that knows no pixels, such as a picture, leaves the image those that it has.
        sides = self._acquisition.pixel_size_um if form.pixel_size_um is None else (form.pixel_size_um,) * 2
        ranges = [(low, high) if low <= high else (0.0, 1.0) for low, high in self._ranges]
        name = self._path.name.removesuffix(self._path.suffix).removesuffix(".ome")
        with storing(self._path):
            stored.check()
            stored.blocks.flush()
            levels = pyramid_levels(stored.group, stored.blocks, self._compression)
            taken = replace(self._acquisition, pixel_size_um=sides)
            kept = {"metadata": with_origin(record, self._made_of)}
            stored.group.attrs.update(image_attributes(name, form.axes, levels, taken, ranges, kept))
        complete_folder(stored.folder, self._path)
        unmark(self._path)
        self._stored = None
        self._claim.give_back()
        return in_order(zarr.open_array(str(self._path / "0"), mode="r"), stored_axes(form.axes), form.axes)

    def abandon(self) -> None:
        """Remove what was begun, but what the next run can go on with."""
        if self._stored is not None:
            self._stored.let_go()
        self._stored = None
        self._claim.give_back()


def check_store(path: Path) -> None:
    """Make sure, before any computation, that a store can be written, and that nothing of others would be replaced.

    Raises
    ------
    OutputError
        If the folder around it is missing or not writable, or something is there that this program did not write.
    """
    if path.exists() or path.is_symlink():
        try:
            attributes = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]
            own = OWN in attributes
        except (OSError, ValueError, KeyError, TypeError):
            own = False
        if not own:
            raise OutputError(
                f"{path} exists, and is no result of this program: such a folder is never replaced. Remove it, or "
                "choose another name."
            )
    check_place(path)
