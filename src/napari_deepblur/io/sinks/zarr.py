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
from napari_deepblur.io.claims import Claim, partial_folder
from napari_deepblur.io.diagnosis import FORMATS
from napari_deepblur.io.folders import begin_folder, check_place, complete_folder
from napari_deepblur.io.formats.zarr_metadata import OWN
from napari_deepblur.io.ome_zarr import image_attributes, stored_axes
from napari_deepblur.io.output import lack_of_room
from napari_deepblur.io.records import with_origin
from napari_deepblur.io.sinks.array import rounded
from napari_deepblur.io.sinks.base import Form, Region, Sink
from napari_deepblur.io.sinks.blocks import Blocks, pyramid_levels
from napari_deepblur.io.sinks.reordered import in_order
from napari_deepblur.io.sinks.unfinished import Unfinished, is_marked, mark, unmark


@final
class OmeZarrSink(Sink):
    """A result as an OME-Zarr folder with a pyramid, which is there when the result is complete, whole or not at all.

    Parameters
    ----------
    path
        The folder; one that this program wrote is replaced, another never.
    acquisition
        How the image was taken; pixel size and axes are those of the result.
    made_of
        What decides the pixels, for the record. A folder that a killed run has begun of the same is gone on with.
    """

    def __init__(
        self, path: Path, acquisition: Acquisition | None = None, made_of: Mapping[str, Any] | None = None
    ) -> None:
        self._path, self._acquisition, self._made_of = Path(path), acquisition or Acquisition(), made_of
        self._claim = Claim(self._path)
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
        size = math.prod(form.shape) * form.dtype.itemsize * 4 // 3
        begun = partial_folder(self._path)
        there = sum(path.stat().st_size for path in begun.rglob("*") if path.is_file()) if begun.is_dir() else 0
        return lack_of_room(self._path, size - there)

    def open(self, form: Form) -> None:
        """Begin a folder beside the one that is meant, or go on with the one that a killed run began."""
        self._claim.take()
        self._form = form
        self._partial = partial_folder(self._path)
        lengths = dict(zip(form.axes.replace("S", "C"), form.shape, strict=True))
        self._ranges = [(math.inf, -math.inf)] * lengths.get("C", 1)
        letters = stored_axes(form.axes)
        try:
            with self._storing():
                if not self._goes_on(form):
                    self._begin([lengths[letter] for letter in letters], letters)
        except BaseException:
            self._claim.give_back()
            raise

    def _begin(self, shape: Sequence[int], letters: str) -> None:
        import zarr

        assert self._form is not None and self._partial is not None
        begin_folder(self._partial)
        self._number = self._partial.stat().st_ino
        self._group = zarr.open_group(str(self._partial), mode="w", zarr_format=3)
        self._blocks = Blocks.new(self._group, "0", shape, self._form.dtype, letters)
        if self._made_of is not None:
            mark(self._partial, self._identity(self._form))

    def _goes_on(self, form: Form) -> bool:
        """Open the folder that a killed run of the same began; return whether there is one."""
        import zarr

        assert self._partial is not None
        if self._made_of is None or not is_marked(self._partial, self._identity(form)):
            return False
        self._number = self._partial.stat().st_ino
        for half in self._partial.rglob("*.partial"):
            half.unlink()
        self._group = zarr.open_group(str(self._partial), mode="r+")
        self._blocks = Blocks(self._group["0"], self._partial / "0")
        return True

    def _identity(self, form: Form) -> dict[str, Any]:
        return {"made_of": self._made_of, "form": [list(form.shape), form.axes, str(form.dtype), form.pixel_size_um]}

    def unfinished(self) -> Unfinished | None:
        """Return what is there, if it is known what it is made of."""
        return None if self._made_of is None or self._partial is None else Unfinished(self._partial, self._written)

    def _written(self, index: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        assert self._blocks is not None
        stored, channel = self._place(index)
        plane, there = self._blocks.read_written(stored)
        self._widen(channel, plane[there])
        return plane.astype(np.float32, copy=False), there

    def _place(self, index: Sequence[int]) -> tuple[tuple[int, ...], int]:
        """Return where a plane is stored, and of which channel it is."""
        assert self._form is not None
        place = dict(zip(leading(self._form.axes).replace("S", "C"), index, strict=True))
        return tuple(place[letter] for letter in stored_axes(self._form.axes)[:-2]), place.get("C", 0)

    def _widen(self, channel: int, pixels: NDArray[Any]) -> None:
        """Let the range of a channel hold these pixels."""
        finite = pixels[np.isfinite(pixels)]
        if finite.size:
            low, high = self._ranges[channel]
            self._ranges[channel] = min(low, float(finite.min())), max(high, float(finite.max()))

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[np.float32]) -> None:
        """Keep a part of a plane until the blocks that it lies in are complete, then write these."""
        assert self._form is not None and self._blocks is not None
        stored, channel = self._place(index)
        self._widen(channel, pixels)
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
            kept = {"metadata": with_origin(record, self._made_of)}
            self._group.attrs.update(image_attributes(name, form.axes, levels, taken, ranges, kept))
        complete_folder(self._partial, self._path)
        unmark(self._path)
        self._partial = None
        self._claim.give_back()
        return in_order(zarr.open_array(str(self._path / "0"), mode="r"), stored_axes(form.axes), form.axes)

    def abandon(self) -> None:
        """Remove what was begun, but what the next run can go on with."""
        if self._partial is not None and (self._made_of is None or self._blocks is None or not self._blocks.written):
            shutil.rmtree(self._partial, ignore_errors=True)
        self._partial = self._group = self._blocks = None
        self._number = 0
        self._claim.give_back()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Turn what goes wrong with the disk into a diagnosis."""
        try:
            # zarr makes folders that are missing: what was written before they went would be missing in the result.
            if self._number and (self._partial is None or self._partial.stat().st_ino != self._number):
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
