"""LZW, the most common compression of TIFF, for tifffile where imagecodecs is not installed.

Pillow decodes the bytes; tifffile alone says what they mean. An image so has the same values however it is compressed.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import tifffile
from PIL import Image

_LZW = 5


def lzw_decode(data: bytes, /, *, out: int | None = None) -> bytes:
    """Unpack a strip or tile.

    Parameters
    ----------
    data
        Packed bytes.
    out
        Number of bytes that they are unpacked.

    Raises
    ------
    ValueError
        If there are fewer.
    """
    if not isinstance(out, int) or out <= 0:
        raise ValueError("The length of a strip that is packed by LZW is not known.")
    # A TIFF file of one row of bytes.
    entries = {256: out, 257: 1, 258: 8, 259: _LZW, 262: 1, 273: 8 + 2 + 12 * 9 + 4, 277: 1, 278: 1, 279: len(data)}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    file = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + struct.pack("<I", 0) + data
    try:
        with Image.open(io.BytesIO(file)) as row:
            return row.tobytes()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"a strip that is packed by LZW is damaged ({error})") from error


def offer_lzw() -> None:
    """Hand the decoder to tifffile, unless it has one."""
    codecs: Any = tifffile.TIFF.DECOMPRESSORS
    if _LZW not in codecs:
        codecs._codecs[_LZW] = lzw_decode
