"""PNG, JPEG and other pictures, by Pillow, with the numbers that are in the file."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import said_by
from napari_deepblur.io.formats.format import Format, Scene, chosen
from napari_deepblur.io.lazy_image import LazyImage

_PNG = b"\x89PNG\r\n\x1a\n"
_SIGNATURES = (_PNG, b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF")
_GRAY, _GRAY_ALPHA, _COLOUR_ALPHA = 0, 4, 6
_GRAY_MODES = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
"""Modes of Pillow whose numbers are intensities; those of a palette are not."""

_MOST_EXPANSION = 2000


def _knows(head: bytes, path: Path) -> bool:
    return head.startswith(_SIGNATURES)


def _scenes(source: Path) -> Sequence[str]:
    return (source.stem,)


def _opened(source: Path, scene: Scene) -> LazyImage:
    chosen(source, _scenes(source), scene)
    array = read_picture(source)
    axes = "YXS" if array.ndim == 3 else "YX"
    return LazyImage.of_array(array, axes, said_by("picture", str(source), axes=axes), name=source.stem)


PICTURE = Format("PNG or JPEG", _knows, _scenes, _opened)


def read_picture(source: Path) -> NDArray[Any]:
    """Read a picture: gray values (rows, columns), or colours (rows, columns, 3) without transparency.

    Raises
    ------
    ImageError
        If it has several frames, or claims more pixels than its bytes can hold.
    """
    with open(source, "rb") as opened:
        head = opened.read(29)
    depth, kind = (head[24], head[25]) if head.startswith(_PNG) and len(head) >= 26 else (8, -1)
    if depth == 16 and kind != _GRAY:
        return _deep_png(source, kind)
    with Image.open(source) as file:
        frames = int(getattr(file, "n_frames", 1))
        if frames > 1 and file.format != "MPO":
            raise ImageError(f"{source} holds {frames} frames, expected one. Save the series as TIFF.")
        values = file.width * file.height
        if values > 2**28 and values > _MOST_EXPANSION * source.stat().st_size:
            raise ImageError(f"{source} claims {file.width} x {file.height} pixels in {source.stat().st_size} bytes.")
        if file.mode in _GRAY_MODES:
            array = np.array(file)
            # Pillow spreads 2 and 4 bits over 8.
            return array // (255 // (2**depth - 1)) if depth in (2, 4) and kind == _GRAY else array
        if file.mode in ("LA", "La"):
            return np.array(file.getchannel(0))
        return np.array(file.convert("RGB"))


def _deep_png(source: Path, kind: int) -> NDArray[Any]:
    """Read a PNG file of 16 bits a colour, of which Pillow keeps 8, in two halves.

    Pillow unpacks either the upper or the lower bytes of samples, as it takes them to be in one order or the other.
    """
    raw = source.read_bytes()
    if kind == _GRAY_ALPHA:
        # Four bytes a pixel, as those of 8 bits red, green, blue and transparency: two of gray, two of transparency.
        start = raw[12:24] + bytes([8, _COLOUR_ALPHA]) + raw[26:29]
        raw = raw[:12] + start + zlib.crc32(start).to_bytes(4, "big") + raw[33:]
        with Image.open(io.BytesIO(raw)) as file:
            found = np.asarray(file).astype(np.uint16)
        return found[..., 0] << 8 | found[..., 1]
    halves = []
    for order in "BL":
        with Image.open(io.BytesIO(raw)) as file:
            file.tile = [tile._replace(args=f"{file.mode};16{order}") for tile in file.tile]
            halves.append(np.asarray(file).astype(np.uint16))
    return (halves[0] << 8 | halves[1])[..., :3]
