"""Where files of families and PSFs are, without a look into them, for which torch would be needed."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from napari_deepblur.errors import FamilyFileError

PSF_SUFFIXES = (".tif", ".tiff")
"""Files that may hold the picture of a PSF."""


def find_family(which: str | os.PathLike[str]) -> Path:
    """Find the file of a family.

    Parameters
    ----------
    which
        A file, or the name of a family that comes with the package (`shipped_families`).

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    FamilyFileError
        If there is none.
    """
    path = Path(which)
    if path.is_file():
        return path
    name = os.fspath(which)
    if name in shipped_families():
        return families_folder() / f"{name}.safetensors"
    raise FamilyFileError(
        f"There is no file {name}, and no family of this name in the package. Give the .safetensors file of a family, "
        f"or one of: {', '.join(shipped_families()) or 'none'}."
    )


def shipped_families() -> tuple[str, ...]:
    """Return the names of the families that come with the package."""
    found = sorted(families_folder().glob("*.safetensors"))
    # Weights that were adapted to a family lie beside it, as name.identification and name.deblurring.
    return tuple(path.stem for path in found if "." not in path.stem)


def families_folder() -> Path:
    """Return the folder of the package that has families, and the weights that were adapted to them."""
    return Path(str(files("napari_deepblur") / "families"))
