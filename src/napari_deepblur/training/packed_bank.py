"""A bank of crops as one small file, to carry it to another machine: a ZIP archive of WebP images."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from napari_deepblur.errors import OutputError, SettingsError, TrainingDataError
from napari_deepblur.training.gray_images import UNREADABLE, Bank


def pack_bank(bank: Bank, path: str | os.PathLike[str], quality: int = 90, max_bytes: int | None = None) -> int:
    """Write a bank as one ZIP archive of WebP images, in an order shuffled with a fixed seed.

    The file is complete or absent: it is written beside its place and then moved there.

    Parameters
    ----------
    bank : ndarray of uint8, shape (N, S, S)
        The crops.
    path : path
        The archive to write, usually ``*.zip``.
    quality : int
        WebP quality, 1 to 100. At 90 the error is about two gray levels.
    max_bytes : int, optional
        Stop before the archive grows beyond this size, and leave the other crops out.

    Returns
    -------
    int
        The number of crops written.

    Raises
    ------
    OutputError
        If the file cannot be written.
    SettingsError
        If `bank` is not a stack of square uint8 crops, or `max_bytes` leaves no room for one.
    """
    if bank.dtype != np.uint8 or bank.ndim != 3 or bank.shape[1] != bank.shape[2] or not len(bank):
        raise SettingsError(
            f"A bank of {bank.dtype} and shape {bank.shape} was given; expected uint8 (N, S, S), N > 0."
        )
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    written, used = 0, 1024
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for index in np.random.default_rng(0).permutation(len(bank)):
                buffer = io.BytesIO()
                Image.fromarray(bank[index]).save(buffer, "WEBP", quality=quality)
                # Beside its bytes, an entry costs two headers of about a hundred bytes each with its name.
                used += buffer.tell() + 256
                if max_bytes is not None and used > max_bytes:
                    break
                archive.writestr(zipfile.ZipInfo(f"{written:06d}.webp"), buffer.getvalue())
                written += 1
            description = {"format": "napari-deepblur bank", "version": 1, "count": written, "size": bank.shape[1]}
            archive.writestr(zipfile.ZipInfo("bank.json"), json.dumps(description))
        if not written:
            raise SettingsError(f"max_bytes is {max_bytes}, too small for one crop; give more, or a lower quality.")
        partial.replace(target)
    except OSError as error:
        raise OutputError(
            f"The bank cannot be written to {target} ({error}); choose a folder that exists and is writable."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return written


_LARGEST_SIDE = 16_384
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What `zipfile` raises of entries that are cut, of unknown compression, or encrypted."""


def read_packed(path: str | os.PathLike[str]) -> Bank:
    """Read a bank that `pack_bank` wrote.

    Parameters
    ----------
    path : path
        The archive.

    Returns
    -------
    ndarray of uint8, shape (N, S, S)
        The crops.

    Raises
    ------
    TrainingDataError
        If the file is missing, damaged, or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read("bank.json"))
            count, size = int(description["count"]), int(description["size"])
            # Said before it is allocated.
            if not (0 < count < len(archive.namelist()) and 0 < size <= _LARGEST_SIDE):
                raise ValueError(f"it states {count} crops of {size} pixels, in {len(archive.namelist())} entries")
            bank = np.empty((count, size, size), dtype=np.uint8)
            for index in range(count):
                with Image.open(io.BytesIO(archive.read(f"{index:06d}.webp"))) as file:
                    bank[index] = np.asarray(file.convert("L"))
    except (*UNREADABLE, *_DAMAGED) as error:
        raise TrainingDataError(
            f"{path} is not a complete packed bank ({error}); expected a ZIP archive of WebP crops with bank.json. "
            "It may be cut short or of another origin: pack the training folder again."
        ) from error
    return bank
