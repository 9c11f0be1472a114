"""How pixels are packed in files, without loss."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, get_args

from napari_deepblur.errors import OutputError
from napari_deepblur.io.diagnosis import FORMATS

Compression = Literal["zlib", "zstd", "none"]
"""zlib is known to every program; zstd is faster, and packs as well."""


def tiff_compression(name: Compression) -> str | None:
    """Return what tifffile calls a compression; None for none.

    Raises
    ------
    OutputError
        If it is unknown, or needs a package that is missing.
    """
    if name not in get_args(Compression):
        raise OutputError(f"Compression {name!r} is unknown; there are {', '.join(get_args(Compression))}.")
    if name == "zstd" and find_spec("imagecodecs") is None:
        raise OutputError(
            "TIFF files are packed with zstd by the package imagecodecs, which is not installed. Install it with "
            f"{FORMATS}, or take zlib."
        )
    return None if name == "none" else name
