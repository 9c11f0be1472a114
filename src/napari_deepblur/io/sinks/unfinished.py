"""What is there already of a result that is being written, for a run that goes on with it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from napari_deepblur.plane import Mask, Plane

_FOLDER = ".napari-deepblur"
"""Beside the pixels until they are complete."""

_ORIGIN = "made_of.json"

Planes = Callable[[Sequence[int]], tuple[Plane, Mask]]
"""Reads a plane, shape (rows, columns), and which of its pixels are there."""


@final
class Unfinished:
    """A result of which a part is there, and what its run wants to know when it goes on.

    Parameters
    ----------
    folder
        The folder of the result.
    planes
        Reads what is there of a plane, by its index along the axes that are not rows or columns.
    """

    def __init__(self, folder: Path, planes: Planes) -> None:
        self._folder, self.planes = folder / _FOLDER, planes

    def keep(self, index: Sequence[int], facts: bytes) -> None:
        """Keep what was found out about a plane, in one step."""
        partial = self._place(index).with_suffix(".partial")
        partial.write_bytes(facts)
        os.replace(partial, self._place(index))

    def kept(self, index: Sequence[int]) -> bytes | None:
        """Return what was kept; None where nothing was."""
        try:
            return self._place(index).read_bytes()
        except OSError:
            return None

    def _place(self, index: Sequence[int]) -> Path:
        return self._folder / ("plane" + "".join(f"-{place}" for place in index))


def mark(folder: Path, origin: Mapping[str, Any]) -> None:
    """Write into the folder of a result, once it can be gone on with, what it is made of."""
    (folder / _FOLDER).mkdir(exist_ok=True)
    partial = folder / _FOLDER / f"{_ORIGIN}.partial"
    partial.write_text(json.dumps(origin), encoding="utf-8")
    os.replace(partial, folder / _FOLDER / _ORIGIN)


def is_marked(folder: Path, origin: Mapping[str, Any]) -> bool:
    """Tell whether a folder holds a result that was begun of the same."""
    return bool(marked(folder) == json.loads(json.dumps(origin)))


def marked(folder: Path) -> Any:
    """Return what was written by `mark`; None where nothing was."""
    try:
        return json.loads((folder / _FOLDER / _ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def unmark(folder: Path) -> None:
    """Remove everything but the result itself."""
    shutil.rmtree(folder / _FOLDER, ignore_errors=True)
