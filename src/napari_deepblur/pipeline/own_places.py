"""Results have places of their own: never that of the image, nor of each other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_deepblur.errors import OutputError
from napari_deepblur.io.lazy_image import LazyImage
from napari_deepblur.io.output import is_same_file, place_of, resolved


def check_places(image: Any, *outs: Any) -> None:
    """Make sure, before any work, that no result would replace what is read, or another result.

    Parameters
    ----------
    image
        What is read: what `open_image` returned, with all files of its set, or an array.
    *outs
        Where results go: names of files, arrays, or sinks, which nobody looks into; None for none.

    Raises
    ------
    OutputError
        Naming the first that cannot be.
    """
    chosen = [out for out in outs if out is not None]
    for number, out in enumerate(chosen):
        if isinstance(out, str | os.PathLike):
            check_not_read(Path(out), _files_of(image))
        elif _are_one(out, image):
            raise OutputError("The array for the result is the image itself, which is still needed. Give another one.")
        for other in chosen[:number]:
            both = isinstance(out, str | os.PathLike) and isinstance(other, str | os.PathLike)
            if (both and place_of(out) == place_of(other)) or _are_one(out, other):
                raise OutputError("The place of the result is asked for twice, for different contents. Give two.")


def check_not_read(path: Path, files: Iterable[Path]) -> None:
    """Raise an `OutputError` if a file to be is one of those of the image, or lies inside of one."""
    for file in files:
        if is_same_file(path, file) or resolved(file) in resolved(path).parents:
            raise OutputError(f"{path} is the input image, which is never overwritten. Choose another name.")


def _files_of(image: Any) -> Iterator[Path]:
    if isinstance(image, LazyImage):
        yield from (
            file for file in (Path(image.acquisition.source), *image.files) if file.is_absolute() or file.exists()
        )
    elif isinstance(image, np.memmap) and image.filename is not None:
        yield Path(str(image.filename))


def _are_one(out: Any, other: Any) -> bool:
    """Tell whether two arrays have the same pixels: in memory, in one mapped file, or in one store of zarr."""
    if out is other:
        return True
    one, two = (getattr(array, "data", array) if hasattr(array, "dims") else array for array in (out, other))
    if isinstance(one, np.memmap) and isinstance(two, np.memmap) and one.filename and two.filename:
        return is_same_file(Path(str(one.filename)), Path(str(two.filename)))
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return bool(np.may_share_memory(one, two))
    places = [str(getattr(array, "store_path", "")) for array in (one, two)]
    return bool(places[0]) and places[0] == places[1]
