"""The record of how a result was made, read from its file without its pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from napari_deepblur.errors import ImageError
from napari_deepblur.io.formats.zarr import ZARR, read_store_record
from napari_deepblur.io.ome_tiff import read_ome_record


def record_in(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the record that a file of this program holds; None where it holds none, is damaged, or is not there.

    Parameters
    ----------
    path
        An OME-TIFF file or an OME-Zarr folder.
    """
    source = Path(path)
    try:
        kept = read_store_record(source) if ZARR.knows(b"", source) else read_ome_record(source)
    except ImageError:
        return None
    record = None if kept is None else kept.get("metadata")
    return record if isinstance(record, dict) else None
