"""Files that are written whole or not at all, in places that were checked before the work began."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_deepblur.errors import OutputError

_PREFIX = ".napari-deepblur-"


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Make sure, before any computation, that a file can be written later.

    Parameters
    ----------
    path
        The file to be; one that exists stays as it is.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    OutputError
        If the folder is missing or not writable, or the path is a folder or write-protected.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{target} is a folder, expected the name of a file to write.")
    if not target.parent.is_dir():
        raise OutputError(f"The folder {target.parent} does not exist. Make it first, or choose another one.")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(f"{target} exists and is write-protected. Choose another name.")
    try:
        descriptor, trial = tempfile.mkstemp(dir=target.parent, prefix=_PREFIX)
    except OSError as error:
        raise OutputError(
            f"Nothing can be written to {target.parent} ({error.strerror}). Choose another folder."
        ) from error
    os.close(descriptor)
    os.unlink(trial)
    return target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Hand out a temporary file that becomes `path` in one step if the block ends well, and vanishes if it does not.

    Parameters
    ----------
    path
        The file to write; an existing one is unharmed until the new one is complete.

    Returns
    -------
    Path
        An empty file beside it, with the same suffix, to be written in the block.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    target = check_writable(path)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=_PREFIX, suffix=target.suffix)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        # A temporary file is private; the result should be as readable as any new file.
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        partial.replace(target)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{target} could not be written ({error}). Is the disk full?") from error
    finally:
        partial.unlink(missing_ok=True)
