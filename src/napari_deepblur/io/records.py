"""The record of how a result was made, read from its file without its pixels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_deepblur.errors import ImageError
from napari_deepblur.io.formats.zarr import ZARR, read_store_record
from napari_deepblur.io.ome_tiff import read_ome_record

_ORIGIN = "made_of"


def record_in(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the record that a file of this program holds; None where it holds none, is damaged, or is not there.

    Parameters
    ----------
    path
        An OME-TIFF file or an OME-Zarr folder.
    """
    record = (kept_in(path) or {}).get("metadata")
    return record if isinstance(record, dict) else None


def kept_in(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return all that a file keeps for this program: the record, as `record_in`, and how its layer lay in napari."""
    source = Path(path)
    try:
        return read_store_record(source) if ZARR.knows(b"", source) else read_ome_record(source)
    except ImageError:
        return None


def with_origin(record: Mapping[str, Any], made_of: Mapping[str, Any] | None) -> dict[str, Any]:
    """Add to a record what decided the result, where that is known; `origin_in` finds it again."""
    return dict(record) if made_of is None else {**record, _ORIGIN: dict(made_of)}


def without_origin(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without what `with_origin` adds."""
    return {name: value for name, value in record.items() if name != _ORIGIN}


def origin_in(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what decided a result, by its record; None where that does not say."""
    found = record.get(_ORIGIN)
    return found if isinstance(found, dict) else None
