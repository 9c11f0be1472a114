"""Results as OME-Zarr 0.5, written block by block as their tiles are completed."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.axes import leading
from napari_deepblur.io.diagnosis import FORMATS
from napari_deepblur.io.folders import begin_folder, check_place, complete_folder
from napari_deepblur.io.formats.zarr_metadata import OWN
from napari_deepblur.io.ome_zarr import image_attributes, stored_axes
from napari_deepblur.io.output import lack_of_room
from napari_deepblur.io.sinks.array import rounded
from napari_deepblur.io.sinks.base import Form, Region, Sink
from napari_deepblur.io.sinks.blocks import Blocks, pyramid_levels
from napari_deepblur.io.sinks.reordered import in_order


@final
class OmeZarrSink(Sink):
    """A result as an OME-Zarr folder with a pyramid, which is there when the result is complete, whole or not at all.

    Parameters
    ----------
    path
        The folder; one that this program wrote is replaced, another never.
    acquisition
        How the image was taken; pixel size and axes are those of the result.
    """

    def __init__(self, path: Path, acquisition: Acquisition | None = None) -> None:
        self._path, self._acquisition = Path(path), acquisition or Acquisition()
        self._form: Form | None = None
        self._partial: Path | None = None
        self._number = 0
        self._group: Any = None
        self._blocks: Blocks | None = None
        self._ranges: list[tuple[float, float]] = []

    def refusal(self, form: Form) -> str:
        """Say why the folder cannot be written; empty where it can."""
        if find_spec("zarr") is None:
            return f"{self._path} is written by the package zarr, which is not installed. Install it with {FORMATS}."
        if "P" in form.axes or {"C", "S"} <= set(form.axes):
            return (
                f"{self._path} cannot be written: OME-Zarr has the axes time, one of channels or colours, depth, rows "
                f"and columns, and those of the result are {form.axes}. Write an image for each position, or OME-TIFF."
            )
        try:
            check_store(self._path)
        except OutputError as error:
            return str(error)
        # All levels of a pyramid together are a third more than the image.
        return lack_of_room(self._path, math.prod(form.shape) * form.dtype.itemsize * 4 // 3)

    def open(self, form: Form) -> None:
        """Begin a folder beside the one that is meant."""
        import zarr

        self._form = form
        self._partial = begin_folder(self._path)
        self._number = self._partial.stat().st_ino
        letters = stored_axes(form.axes)
        lengths = dict(zip(form.axes.replace("S", "C"), form.shape, strict=True))
        with self._storing():
            self._group = zarr.open_group(str(self._partial), mode="w", zarr_format=3)
            self._blocks = Blocks.new(self._group, "0", [lengths[letter] for letter in letters], form.dtype, letters)
        self._ranges = [(math.inf, -math.inf)] * lengths.get("C", 1)

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Keep a part of a plane until the blocks that it lies in are complete, then write these."""
        assert self._form is not None and self._blocks is not None
        place = dict(zip(leading(self._form.axes).replace("S", "C"), index, strict=True))
        channel = place.get("C", 0)
        finite = pixels[np.isfinite(pixels)]
        if finite.size:
            low, high = self._ranges[channel]
            self._ranges[channel] = min(low, float(finite.min())), max(high, float(finite.max()))
        stored = tuple(place[letter] for letter in stored_axes(self._form.axes)[:-2])
        with self._storing():
            self._blocks.write(stored, region, rounded(pixels, self._form.dtype))

    def finish(self, record: Mapping[str, Any]) -> Any:
        """Write the pyramid and the record, and put the folder in its place."""
        import zarr

        assert self._form is not None and self._blocks is not None and self._partial is not None
        form = self._form
        size = None if form.pixel_size_um is None else (form.pixel_size_um, form.pixel_size_um)
        ranges = [(low, high) if low <= high else (0.0, 1.0) for low, high in self._ranges]
        name = self._path.name.removesuffix(self._path.suffix).removesuffix(".ome")
        with self._storing():
            self._blocks.flush()
            levels = pyramid_levels(self._group, self._blocks)
            taken = replace(self._acquisition, pixel_size_um=size)
            kept = {"metadata": dict(record)}
            self._group.attrs.update(image_attributes(name, form.axes, levels, taken, ranges, kept))
        complete_folder(self._partial, self._path)
        self._partial = None
        return in_order(zarr.open_array(str(self._path / "0"), mode="r"), stored_axes(form.axes), form.axes)

    def abandon(self) -> None:
        """Remove what was begun."""
        if self._partial is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
        self._partial = self._group = self._blocks = None

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Turn what goes wrong with the disk into a diagnosis."""
        try:
            # zarr makes folders that are missing: what was written before they went would be missing in the result.
            if self._partial is None or self._partial.stat().st_ino != self._number:
                raise OutputError(
                    f"The folder of {self._path} was removed while it was written: nothing is left of it."
                )
            yield
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{self._path} could not be written ({error}). Is the disk full?") from error


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
