"""Whether a TIFF file is all there: its chain of directories, and the strips and tiles that they name.

A TIFF file that was cut while it was copied still opens. Decoders then read fewer planes, or fill what is missing with
zeros; so what a file promises is compared with its bytes before a pixel is read.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_deepblur.errors import ImageError

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of TIFF and BigTIFF files in either order of bytes."""

_NEEDED = {
    258: "bits a sample", 270: "metadata", 273: "places of strips", 279: "lengths of strips", 320: "colours",
    324: "places of tiles", 325: "lengths of tiles", 330: "smaller images", 34412: "metadata", 50839: "metadata",
}  # fmt: skip
"""Tags without which an image is not what it was, and what they hold."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of the types of values."""

_LARGE = 2**28
_MOST_EXPANSION = 2000
"""A plane of more bytes, packed more tightly than this, is none that a camera took."""

_UNCOMPRESSED = 1


def count_directories(source: Path) -> int:
    """Walk the chain of directories of a TIFF file, of which each is one plane or more.

    Raises
    ------
    ImageError
        If the chain leads out of the file, which was cut then, or in a circle.
    """
    size = os.path.getsize(source)
    with open(source, "rb") as file:
        head = file.read(16)
        if len(head) < 8 or head[:4] not in SIGNATURES:
            raise ImageError(f"{source} is no TIFF file.")
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        if big and len(head) < 16:
            raise ImageError(f"{source} was cut: it ends within its header. Copy it again.")
        many, entry, pointer = ("Q", 20, "Q") if big else ("H", 12, "I")
        (offset,) = struct.unpack_from(order + pointer, head, 8 if big else 4)
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise ImageError(f"{source} is damaged: its directories follow each other in a circle.")
            seen.add(offset)
            file.seek(min(offset, size))
            counted = file.read(struct.calcsize(many))
            entries = struct.unpack(order + many, counted)[0] if len(counted) == struct.calcsize(many) else 0
            end = offset + struct.calcsize(many) + entry * entries
            if not entries or end + struct.calcsize(pointer) > size:
                raise ImageError(
                    f"{source} was cut, or is damaged: after {len(seen) - 1} planes it goes on at byte {offset}, but "
                    f"it has {size} bytes. Copy it again."
                )
            _check_tags(source, file.read(entry * entries), order, big, size)
            (offset,) = struct.unpack(order + pointer, file.read(struct.calcsize(pointer)))
    return len(seen)


def _check_tags(source: Path, entries: bytes, order: str, big: bool, size: int) -> None:
    """Raise an `ImageError` if what a directory needs lies beyond the end of the file."""
    layout, wide = (order + "HHQQ", 8) if big else (order + "HHII", 4)
    for tag, kind, count, value in struct.iter_unpack(layout, entries):
        length = count * _SIZES.get(kind, 0)
        if tag in _NEEDED and length > wide and value + length > size:
            raise ImageError(
                f"{source} was cut, or is damaged: its {_NEEDED[tag]} lie at byte {value}, but it has {size} bytes. "
                "Copy it again."
            )


def check_segments(source: Path, pages: Iterable[Any], name: str = "") -> None:
    """Raise an `ImageError` if strips or tiles of planes are missing, or lie beyond the end of the file.

    Parameters
    ----------
    source
        The file.
    pages
        Pages of tifffile, of this file.
    name
        Name of the image.
    """
    size = os.path.getsize(source)
    lost = []
    total = 0
    for number, page in enumerate(pages, 1):
        total = number
        if page is not None:
            _check_bound(source, page)
        if page is None or not _complete(page, size):
            lost.append(number)
    if lost:
        listed = ", ".join(map(str, lost[:5])) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        image = f" of '{name}'" if name else ""
        raise ImageError(
            f"{source} was cut, or is damaged: of the {total} planes{image} that it promises, pixels of {listed} are "
            "missing. Copy it again."
        )


def check_length(source: Path, promised: int, found: int, words: str) -> None:
    """Raise an `ImageError` if a file promises more planes than it holds."""
    if promised > found:
        raise ImageError(
            f"{source} was cut, or is damaged: {words} promises {promised} planes, and the file holds {found}. Copy it "
            "again."
        )


def _complete(page: Any, size: int) -> bool:
    key = page.keyframe
    counts, offsets = page.databytecounts, page.dataoffsets
    if len(offsets) < math.prod(key.chunked) or len(counts) < len(offsets):
        return False
    if not all(count > 0 and offset > 0 for offset, count in zip(offsets, counts, strict=False)):
        return False
    if max(offset + count for offset, count in zip(offsets, counts, strict=False)) > size:
        return False
    whole = math.prod(key.shape) * _bits(key) // 8
    return not (key.compression == _UNCOMPRESSED and not key.is_tiled and sum(counts) < whole)


def _check_bound(source: Path, page: Any) -> None:
    key = page.keyframe
    claimed = math.prod(key.shape) * max(_bits(key), 8) // 8
    if claimed > _LARGE and claimed > _MOST_EXPANSION * sum(page.databytecounts):
        raise ImageError(
            f"{source} claims a plane of shape {key.shape}, {claimed / 1e9:.3g} GB, in {sum(page.databytecounts)} "
            "bytes. It is damaged, or made to fill the memory; it is not read."
        )


def _bits(key: Any) -> int:
    bits = key.bitspersample
    return max(bits) if isinstance(bits, tuple) else int(bits)
