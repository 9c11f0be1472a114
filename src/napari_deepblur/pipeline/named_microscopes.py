"""Microscopes that a user has named: optics, and with them calibrated blurs and noise, each in a file of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pydantic import ConfigDict, Field, ValidationError

from napari_deepblur.errors import DeepblurError, SettingsError
from napari_deepblur.io.output import replacing
from napari_deepblur.io.user_folder import user_folder
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.part import Part, in_words
from napari_deepblur.pipeline.parts import GivenNoise

FOLDER_VARIABLE = "NAPARI_DEEPBLUR_MICROSCOPES"
"""Environment variable with the folder of the files, for those who share one."""

_SUFFIX = ".microscope.json"
_LONGEST_NAME = 80


class NamedMicroscope(Part):
    """A microscope with a name.

    Raises
    ------
    SettingsError, MicroscopeError, NoiseError
        If a value is unknown or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="Microscope")

    name: str = Field(description="What its users call it", min_length=1, max_length=_LONGEST_NAME)
    microscope: Microscope = Field(description="Its optics and pixel size")
    family: str | None = Field(None, description="File of its calibrated blurs; None where it has none")
    noise: GivenNoise | None = Field(None, description="Noise of its camera; None where it is to be estimated")

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(in_words(error)) from error


def microscopes_folder() -> Path:
    """Return the folder that holds the user's microscopes; it need not be there yet."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_folder() / "microscopes"


def named_microscopes() -> dict[str, NamedMicroscope]:
    """Read the user's microscopes, by name; files that cannot be read are left out."""
    found: dict[str, NamedMicroscope] = {}
    for file in sorted(microscopes_folder().glob(f"*{_SUFFIX}")):
        try:
            known = load_microscope(file)
        except SettingsError:
            # Perhaps of a later version: it is named when somebody opens it.
            continue
        found[known.name] = known
    return dict(sorted(found.items(), key=lambda entry: entry[0].casefold()))


def save_microscope(known: NamedMicroscope, path: str | os.PathLike[str] | None = None) -> Path:
    """Write a microscope as JSON, to be chosen by its name, or to be shared.

    Parameters
    ----------
    known
        The microscope.
    path
        The file; None for the user's own, which is listed from then on and replaces one of the same name.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if path is None:
        folder = microscopes_folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _file_name(known.name)
    with replacing(path) as partial:
        partial.write_text(known.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Path(path)


def load_microscope(path: str | os.PathLike[str]) -> NamedMicroscope:
    """Read a file that `save_microscope` wrote.

    Raises
    ------
    SettingsError
        If the file is missing, is not JSON, or holds unknown or impossible values.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The file {path} of a microscope cannot be read ({error}).") from error
    try:
        return NamedMicroscope.model_validate_json(text)
    except (ValidationError, DeepblurError) as error:
        raise SettingsError(f"{path} holds no microscope. {_why(error)}") from error


def remove_microscope(name: str) -> None:
    """Take a microscope off the list; nothing happens where there is none of that name."""
    for file in microscopes_folder().glob(f"*{_SUFFIX}"):
        # Whatever the file is called: it may have been copied here.
        if _holds(file, name):
            file.unlink(missing_ok=True)


def _holds(file: Path, name: str) -> bool:
    try:
        return load_microscope(file).name == name
    except SettingsError:
        return False


def _why(error: ValidationError | DeepblurError) -> str:
    """Return a refusal in words; `in_words` raises those of our own that are a diagnosis already."""
    try:
        return in_words(error) if isinstance(error, ValidationError) else str(error)
    except DeepblurError as cause:
        return str(cause)


def _file_name(name: str) -> str:
    """Return a name that every file system takes, and no two names share."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    mark = "" if plain == name else f"-{sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 10**6:06d}"
    return f"{plain}{mark}{_SUFFIX}"
