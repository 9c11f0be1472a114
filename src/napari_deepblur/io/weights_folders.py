"""Where weights are looked for, and which are there: without loading them, or what loads them."""

from __future__ import annotations

import hashlib
import os
import warnings
from importlib.resources import files
from pathlib import Path

from napari_deepblur.errors import AssumptionWarning, WeightsError

FOLDER_VARIABLE = "NAPARI_DEEPBLUR_WEIGHTS"
"""Environment variable that names a folder of weights, looked at before those in the package."""


def shipped_weights() -> Path:
    """Return the folder of the weights that come with the package, and of what was learned beside them."""
    return Path(str(files("napari_deepblur") / "weights"))


def weights_folders() -> list[Path]:
    """Return the folders in which weights are looked for, in this order.

    Warns
    -----
    AssumptionWarning
        If the environment variable names no folder: those of the package are used then.
    """
    own = shipped_weights()
    named = os.environ.get(FOLDER_VARIABLE)
    if not named:
        return [own]
    if not Path(named).is_dir():
        words = f"{FOLDER_VARIABLE} is {named!r}, which is no folder: the weights of the package are used."
        warnings.warn(words, AssumptionWarning, stacklevel=2)
    return [Path(named), own]


def installed_weights() -> dict[str, str]:
    """Return the name of each file of weights that is found, and the first 16 hexadecimal digits of its SHA-256.

    Raises
    ------
    WeightsError
        If one of them cannot be read.
    """
    found: dict[str, str] = {}
    for folder in weights_folders():
        for path in sorted(folder.glob("*.safetensors")):
            try:
                found.setdefault(path.name, hashlib.sha256(path.read_bytes()).hexdigest()[:16])
            except OSError as error:
                raise WeightsError(f"{path} cannot be read ({error}).") from error
    return found
