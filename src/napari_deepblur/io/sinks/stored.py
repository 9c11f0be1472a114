"""The pixels of a result in a folder of zarr while it is made: what a run that was killed leaves to the next."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from numpy.typing import NDArray

from napari_deepblur.errors import OutputError
from napari_deepblur.io.axes import leading
from napari_deepblur.io.claims import partial_folder
from napari_deepblur.io.compression import Compression
from napari_deepblur.io.folders import begin_folder
from napari_deepblur.io.ome_zarr import stored_axes
from napari_deepblur.io.sinks.array import rounded
from napari_deepblur.io.sinks.base import Form, Region
from napari_deepblur.io.sinks.blocks import Blocks
from napari_deepblur.io.sinks.unfinished import Unfinished, is_marked, mark, marked
from napari_deepblur.plane import Mask, Plane


def storable(axes: str) -> bool:
    """Tell whether planes of these axes can be stored: there are no positions, and colours or channels, not both."""
    return "P" not in axes and not {"C", "S"} <= set(axes)


@final
class StoredPixels:
    """The blocks of a result that is being made, in a folder beside its place.

    Parameters
    ----------
    target
        The result.
    form
        What it will be.
    made_of
        What decides the pixels. A folder that was begun of the same is gone on with, another one begun again; where it
        is not known, nothing can be gone on with.
    compression
        How blocks are packed; a folder that is gone on with stays as it was begun.

    Attributes
    ----------
    folder, group, blocks
        Where they are, as a path, as a group of zarr, and as what takes parts of planes.
    """

    def __init__(
        self, target: Path, form: Form, made_of: Mapping[str, Any] | None, compression: Compression = "zstd"
    ) -> None:
        import zarr

        self.folder, self._form, self._made_of = partial_folder(target), form, made_of
        self._target = target
        identity = {"made_of": made_of, "form": [list(form.shape), form.axes, str(form.dtype), form.pixel_size_um]}
        goes_on = made_of is not None and is_marked(self.folder, identity)
        if goes_on:
            for half in self.folder.rglob("*.partial"):
                half.unlink()
            self.group = zarr.open_group(str(self.folder), mode="r+")
            self.blocks = Blocks(self.group["0"], self.folder / "0")
        else:
            begin_folder(self.folder)
            lengths = dict(zip(form.axes.replace("S", "C"), form.shape, strict=True))
            letters = stored_axes(form.axes)
            self.group = zarr.open_group(str(self.folder), mode="w", zarr_format=3)
            shape = [lengths[letter] for letter in letters]
            self.blocks = Blocks.new(self.group, "0", shape, form.dtype, letters, compression)
            if made_of is not None:
                mark(self.folder, identity)
        # A folder that was removed, and made again, has another number. zarr does so itself when it begins one.
        self._number = self.folder.stat().st_ino

    def place(self, index: Sequence[int]) -> tuple[int, ...]:
        """Return where a plane is stored, by its index along the axes of the result."""
        place = dict(zip(leading(self._form.axes).replace("S", "C"), index, strict=True))
        return tuple(place[letter] for letter in stored_axes(self._form.axes)[:-2])

    def check(self) -> None:
        """Raise an `OutputError` where the folder has gone.

        zarr makes folders that are missing: what was written before they went would be missing in the result.
        """
        if self.folder.stat().st_ino != self._number:
            raise OutputError(f"The folder of {self._target} was removed while it was written: nothing is left of it.")

    def write(self, index: Sequence[int], region: Region, pixels: NDArray[Any]) -> None:
        """Keep a part of a plane until the blocks that it lies in are complete, then write these."""
        self.check()
        self.blocks.write(self.place(index), region, rounded(pixels, self._form.dtype))

    def read_written(
        self, index: Sequence[int], seen: Callable[[NDArray[Any]], object] = lambda pixels: None
    ) -> tuple[Plane, Mask]:
        """Read what is there of a plane, shape (rows, columns), and which pixels are; as `Blocks.read_written`."""
        return self.blocks.read_written(self.place(index), seen)

    def unfinished(self) -> Unfinished | None:
        """Return what is there, if it is known what it is made of."""
        return None if self._made_of is None else Unfinished(self.folder, self.read_written)

    def let_go(self) -> None:
        """Remove the folder, unless the next run can go on with it."""
        if self._made_of is None or not self.blocks.written:
            self.remove()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_begun(target: Path, made_of: Mapping[str, Any]) -> None:
    """Remove what a run has left that was killed between its last two steps: the result, made of this, is there."""
    folder = partial_folder(target)
    found = marked(folder) if folder.is_dir() else None
    if isinstance(found, dict) and found.get("made_of") == json.loads(json.dumps(made_of)):
        shutil.rmtree(folder, ignore_errors=True)


def bytes_of(form: Form) -> int:
    """Count the bytes of the pixels of a result."""
    return math.prod(form.shape) * form.dtype.itemsize


def bytes_begun(target: Path) -> int:
    """Count the bytes that a killed run has left of a result."""
    begun = partial_folder(target)
    return sum(path.stat().st_size for path in begun.rglob("*") if path.is_file()) if begun.is_dir() else 0


@contextmanager
def storing(target: Path) -> Iterator[None]:
    """Turn what goes wrong with the disk into a diagnosis."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{target} could not be written ({error}). Is the disk full?") from error
