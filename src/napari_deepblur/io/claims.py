"""The right to write an output, which one run has at a time, and what runs that were killed left beside it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import final

from filelock import FileLock, Timeout

from napari_deepblur.errors import OutputError
from napari_deepblur.io.output import own_prefix, resolved

_LOCK = ".lock"


@final
class Claim:
    """The right to write one output.

    It is a lock of the operating system, which ends with the process that holds it, however that ends: a lock that
    nobody holds is never found held.

    Parameters
    ----------
    target
        The output; a link stands for what it leads to.
    """

    def __init__(self, target: Path) -> None:
        self._place = resolved(target)
        self._lock = FileLock(self._place.with_name(f"{own_prefix(self._place)}{_LOCK}"), blocking=False)

    def take(self) -> None:
        """Claim the output, and remove what killed runs left of it, but the folder that `partial_folder` names.

        Raises
        ------
        OutputError
            If another run is writing it.
        """
        try:
            self._lock.acquire()
        except Timeout as error:
            raise OutputError(
                f"{self._place} is being written by another run. Wait for that to end, or choose another name."
            ) from error
        except (OSError, NotImplementedError):
            # Some file systems of networks know no locks: there, nobody can be kept out.
            return
        for path in leftovers(self._place):
            _remove(path, self._place)

    def give_back(self) -> None:
        """Let others write the output."""
        if self._lock.is_locked:
            # Before it is released: after that it might be another's.
            with suppress(OSError):
                Path(self._lock.lock_file).unlink()
        self._lock.release()


def partial_folder(target: Path) -> Path:
    """Return the place beside a folder where it is written until it is complete: the same for every run."""
    place = resolved(target)
    return place.with_name(f"{own_prefix(place)}{place.suffix}")


def leftovers(target: Path) -> list[Path]:
    """Find what runs that were killed left beside an output, but the lock and the folder that is gone on with."""
    place = resolved(target)
    stay = (f"{own_prefix(place)}{_LOCK}", partial_folder(place).name)
    return sorted(path for path in place.parent.glob(f"{own_prefix(place)}*") if path.name not in stay)


def _remove(path: Path, place: Path) -> None:
    """Remove what was left; the result that was only set aside, and is all that there is, goes back to its place."""
    if (path / place.name).exists() and not place.exists():
        (path / place.name).rename(place)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
