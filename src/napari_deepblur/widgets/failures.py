"""What a user is told of an error: a diagnosis as it is, and of any other where its details are and what to do."""

from __future__ import annotations

import logging
import platform
from pathlib import Path

from napari_deepblur.errors import DeepblurError
from napari_deepblur.io.user_folder import user_folder
from napari_deepblur.widgets.project import project_address, project_version

_LOGGER = logging.getLogger(__name__)


def details_file() -> Path:
    """Return the file that holds the details of the last unexpected error."""
    return user_folder() / "last-error.txt"


def keep_details(trace: str) -> None:
    """Write the trace of an unexpected error into the log, which few see, and into a file that can be sent."""
    _LOGGER.error("unexpected error\n%s", trace)
    about = f"napari-deepblur {project_version()}, Python {platform.python_version()}, {platform.platform()}"
    try:
        details_file().parent.mkdir(parents=True, exist_ok=True)
        details_file().write_text(f"{about}\n\n{trace}", encoding="utf-8")
    except OSError:
        _LOGGER.warning("%s could not be written", details_file())


def told(error: Exception, left: str = "") -> str:
    """Say what has happened, and what to do.

    Parameters
    ----------
    error
        A diagnosis of the package's own, or any other error, whose details were kept by `keep_details`.
    left
        What became of the work, as a sentence: "Nothing was added."; said where the error is no diagnosis.
    """
    if isinstance(error, DeepblurError):
        return str(error)
    what = " ".join(str(error).split()).rstrip(".")
    address = project_address("Issues")
    where = f" at {address}" if address else ""
    parts = [
        f"Unexpected error, {type(error).__name__}{': ' * bool(what)}{what}.",
        left,
        f"It is a fault of the program: the details are in {details_file()}; please report it{where} with that file.",
    ]
    return " ".join(part for part in parts if part)
