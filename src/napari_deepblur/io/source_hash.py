"""Hashes that tell whether the image that a result was made of has changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path


def source_hash(path: Path, others: Sequence[Path] = ()) -> str:
    """Hash an image file.

    Parameters
    ----------
    path
        The file. Of a folder, whose pixels may be more than anybody wants to read twice, it is names, sizes and times
        that count.
    others
        Files that belong to the same image.

    Returns
    -------
    str
        SHA-256; empty for what is not there, or cannot be read. Names count byte by byte, as the system has them.
    """
    try:
        own = _of_folder(path) if path.is_dir() else _of_file(path)
        beside = sorted(other for other in others if other.resolve() != path.resolve())
        if not beside:
            return own
        parts = [own, *(f"{other.name} {_of_file(other)}" for other in beside)]
    except OSError:
        return ""
    return hashlib.sha256(os.fsencode("\n".join(parts))).hexdigest()


def _of_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_folder(path: Path) -> str:
    found = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        facts = file.stat()
        if file.is_file():
            named = f"{file.relative_to(path).as_posix()} {facts.st_size} {facts.st_mtime_ns}\n"
            found.update(os.fsencode(named))
    return found.hexdigest()
