"""Files that are written whole or not at all, in places that were checked before the work began."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_deepblur.errors import OutputError

PREFIX = ".napari-deepblur-"
_TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")


def check_tiff_name(path: str | os.PathLike[str]) -> None:
    """Raise an `OutputError` if the name of a file promises another format than TIFF."""
    _check_suffix(path, "an OME-TIFF file", _TIFF_SUFFIXES)


def check_family_name(path: str | os.PathLike[str]) -> None:
    """Raise an `OutputError` if the name of a file promises another format than that of families and pupils."""
    _check_suffix(path, "a safetensors file", (".safetensors",))


def check_bank_name(path: str | os.PathLike[str]) -> None:
    """Raise an `OutputError` if the name of a file promises another format than that of packed banks."""
    _check_suffix(path, "a ZIP archive", (".zip",))


def check_picture_name(path: str | os.PathLike[str]) -> None:
    """Raise an `OutputError` if the name of a file promises another format than PNG."""
    _check_suffix(path, "a PNG picture", (".png",))


def check_page_name(path: str | os.PathLike[str]) -> None:
    """Raise an `OutputError` if the name of a file promises another format than HTML."""
    _check_suffix(path, "an HTML page", (".html", ".htm"))


def check_table_name(path: str | os.PathLike[str]) -> None:
    """Raise an `OutputError` if the name of a file promises another format than a table of text."""
    _check_suffix(path, "a table with commas", (".csv", ".txt"))


def _check_suffix(path: str | os.PathLike[str], what: str, suffixes: tuple[str, ...]) -> None:
    suffix = Path(path).suffix.lower()
    if suffix and suffix not in suffixes:
        raise OutputError(
            f"{path} would be {what} by the name of another format ({suffix}). Give a name that ends with "
            f"{' or '.join(suffixes[:2])}."
        )


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path without links; of links that lead in a circle one of them, and never an error."""
    return Path(os.path.realpath(path))


def place_of(path: str | os.PathLike[str]) -> str:
    """Return what the names of one file have in common, which may not be there yet.

    Names that differ only in capitals, or in how an accent is written, are one file on many disks: those of Windows and
    macOS, and shared ones.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", str(resolved(path))).casefold())


def own_prefix(target: Path) -> str:
    """Begin the names of what lies beside a file or folder while it is written; no two of them begin alike."""
    return f"{PREFIX}{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}"


def is_same_file(one: Path, other: Path) -> bool:
    """Tell whether two paths are the same file, by whatever links."""
    try:
        return one.samefile(other)
    except OSError:
        return resolved(one) == resolved(other)


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
        If the folder is missing or not writable, or the path is a folder, a device or a pipe, or write-protected.
    """
    target = Path(path)
    if "\0" in str(target):
        raise OutputError(f"{str(target)!r} is no name of a file: it has a character that no name can have.")
    if target.is_dir():
        raise OutputError(f"{target} is a folder, expected the name of a file to write.")
    if target.exists() and not target.is_file():
        raise OutputError(
            f"{target} is a device, a pipe or a socket, which is never replaced. Give the name of a file."
        )
    if target.is_symlink():
        # What the link leads to is written, and the link stays.
        end = resolved(target)
        if end.is_symlink():
            raise OutputError(f"{target} is a link that leads in a circle. Give the name of a file.")
        check_writable(end)
        return target
    if not target.parent.is_dir():
        raise OutputError(f"The folder {target.parent} does not exist. Make it first, or choose another one.")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(f"{target} exists and is write-protected. Choose another name.")
    try:
        descriptor, trial = tempfile.mkstemp(dir=target.parent, prefix=PREFIX)
    except OSError as error:
        raise OutputError(
            f"Nothing can be written to {target.parent} ({error.strerror}). Choose another folder."
        ) from error
    os.close(descriptor)
    os.unlink(trial)
    return target


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in; raise an `OutputError` if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{folder} is a file, expected a folder. Choose another one.") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"The folder {str(folder)!r} cannot be made ({why}). Choose another one.") from error


def lack_of_room(path: Path, size: int) -> str:
    """Say that the disk has no room for so many bytes; empty where it has, or nobody knows."""
    try:
        free = shutil.disk_usage(resolved(path).parent).free
    except OSError:
        return ""
    if free >= size:
        return ""
    return (
        f"{path} may take {size / 2**30:.2f} GiB, and the disk has {free / 2**30:.2f} GiB left. Make room, or choose "
        "another folder."
    )


@contextmanager
def replacing(path: str | os.PathLike[str], *, keep: bool = False) -> Iterator[Path]:
    """Hand out a temporary file that becomes `path` in one step if the block ends well, and vanishes if it does not.

    Parameters
    ----------
    path
        The file to write; an existing one is unharmed until the new one is complete, and its permissions stay. Of a
        link, what it leads to is written.
    keep
        If the file cannot be written, because its folder was removed during the work for instance, the new one is
        kept in a folder for temporary files, and the error says where.

    Returns
    -------
    Path
        An empty file beside it, with the same suffix, to be written in the block.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    given = Path(path)
    refused: OutputError | None = None
    try:
        target = check_writable(given)
        folder = resolved(target).parent
        target = resolved(target) if target.is_symlink() else target
    except OutputError as error:
        if not keep:
            raise
        refused = error
        target = Path(tempfile.mkdtemp(prefix="napari-deepblur-")) / given.name
        folder = target.parent
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f"{own_prefix(target)}-", suffix=target.suffix)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(_mode(target))
        partial.replace(target)
    except Exception as error:
        if isinstance(error, OutputError) or not _is_of_the_disk(error):
            raise
        raise OutputError(f"{target} could not be written ({error}). Is the disk full?") from error
    finally:
        partial.unlink(missing_ok=True)
    if refused is not None:
        raise OutputError(f"{refused} The result was kept: it is {target}.") from refused


def _is_of_the_disk(error: Exception) -> bool:
    """Whether a file could not be written; tensors on a full disk are a SafetensorError, which is no OSError."""
    # Only here: who asks whether a place can be written needs no tensors.
    from safetensors import SafetensorError

    return isinstance(error, OSError | SafetensorError)


def _mode(target: Path) -> int:
    """Permissions of the file that is replaced; of a new one those of any new file, as a temporary one is private."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
