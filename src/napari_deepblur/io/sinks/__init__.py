"""Where results go, part by part: one file a backend, and the choice between them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.compression import Compression
from napari_deepblur.io.sinks.array import ArraySink, empty_result, write_part
from napari_deepblur.io.sinks.base import Form, Region, Sink
from napari_deepblur.io.sinks.tiff import OmeTiffSink
from napari_deepblur.io.sinks.unfinished import Unfinished
from napari_deepblur.io.sinks.zarr import OmeZarrSink

_BY_SUFFIX: dict[str, type[OmeTiffSink | OmeZarrSink]] = {
    ".tif": OmeTiffSink,
    ".tiff": OmeTiffSink,
    ".zarr": OmeZarrSink,
}
"""Backends for files."""

__all__ = [
    "ArraySink",
    "Compression",
    "Form",
    "OmeTiffSink",
    "OmeZarrSink",
    "Region",
    "Sink",
    "Unfinished",
    "empty_result",
    "file_sink",
    "sink_of",
    "write_part",
]


def sink_of(out: Any = None, acquisition: Acquisition | None = None) -> Sink:
    """Return the sink that is meant.

    Parameters
    ----------
    out
        None for a new array; an array of the result's shape; the name of a file, as for `file_sink`; or a sink.
    acquisition
        How the image was taken, to be kept in a file.

    Raises
    ------
    OutputError
        If it is none of these.
    """
    if isinstance(out, Sink):
        return out
    if isinstance(out, str | os.PathLike):
        return file_sink(os.fspath(out), acquisition)
    if out is None or (hasattr(out, "shape") and hasattr(out, "dtype") and hasattr(out, "__setitem__")):
        return ArraySink(out)
    raise OutputError(f"A result cannot be written into {out!r}: give an array, the name of a file, or a sink.")


def file_sink(
    path: str | os.PathLike[str],
    acquisition: Acquisition | None = None,
    made_of: Mapping[str, Any] | None = None,
    compression: Compression | None = None,
) -> Sink:
    """Return the sink for a file, by its suffix.

    Parameters
    ----------
    path
        The file: OME-TIFF (``.tif``, ``.tiff``), or OME-Zarr (``.zarr``), which is a folder.
    acquisition
        How the image was taken, to be kept.
    made_of
        What decides the pixels: image, settings, weights and version; JSON-safe. It is kept in the record, and a folder
        that a killed run has begun of the same is gone on with.
    compression
        How pixels are packed; by default as the format usually is, OME-TIFF by zlib and OME-Zarr by zstd.

    Raises
    ------
    OutputError
        If results are not written in the format that the suffix names.
    """
    file = Path(path)
    make = _BY_SUFFIX.get(file.suffix.lower())
    if make is None:
        raise OutputError(
            f"{file} cannot be written: its suffix {file.suffix!r} names none of the formats for results, "
            f"{', '.join(_BY_SUFFIX)}."
        )
    chosen: dict[str, Compression] = {} if compression is None else {"compression": compression}
    return make(file, acquisition, made_of, **chosen)
