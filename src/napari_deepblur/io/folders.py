"""Folders that are written whole or not at all: beside the place where they belong, and renamed when complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from napari_deepblur.errors import OutputError
from napari_deepblur.io.output import PREFIX, own_prefix, resolved


def begin_folder(partial: Path) -> None:
    """Make an empty folder beside the place of another, to be filled and then `complete_folder`.

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir()
    except OSError as error:
        raise OutputError(
            f"Nothing can be written to {partial.parent} ({error.strerror}). Choose another folder."
        ) from error


def complete_folder(partial: Path, target: Path) -> None:
    """Put a folder in its place; one that was there is removed once the new one stands.

    Raises
    ------
    OutputError
        If it cannot be renamed; both folders are then unharmed.
    """
    place = resolved(target)
    aside: Path | None = None
    try:
        if place.exists():
            aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{own_prefix(place)}-")) / place.name
            place.rename(aside)
        partial.rename(place)
    except OSError as error:
        if aside is not None and aside.exists() and not place.exists():
            aside.rename(place)
        raise OutputError(f"{target} could not be put in its place ({error}).") from error
    finally:
        # Where neither came into place, the old one is all that there is.
        if aside is not None and place.exists():
            shutil.rmtree(aside.parent, ignore_errors=True)


def check_place(target: Path) -> None:
    """Raise an `OutputError` if no folder can be made at a place; one that is there already is not looked at."""
    if not target.parent.is_dir():
        raise OutputError(f"The folder {target.parent} does not exist. Make it first, or choose another one.")
    try:
        os.rmdir(tempfile.mkdtemp(dir=resolved(target).parent, prefix=PREFIX))
    except OSError as error:
        raise OutputError(
            f"Nothing can be written to {target.parent} ({error.strerror}). Choose another folder."
        ) from error
