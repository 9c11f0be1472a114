"""Where the weights lie that were adapted to a family: beside its file, with the family's hash in their facts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.family_places import families_folder
from napari_deepblur.io.weights import WeightsFile, read_weights

Kind = Literal["identification", "deblurring"]
"""The network that was adapted."""


def adapted_path(family_file: str | os.PathLike[str], kind: Kind) -> Path:
    """Where weights adapted to the family of this file belong: ``name.KIND.safetensors`` beside it."""
    path = Path(family_file)
    return path.with_name(f"{path.name.removesuffix('.safetensors')}.{kind}.safetensors")


def open_adapted(digest: str, kind: Kind, family_file: str | os.PathLike[str] | None = None) -> WeightsFile | None:
    """Read weights that were adapted to a family.

    Parameters
    ----------
    digest
        `family_hash` of the family.
    kind
        The network.
    family_file
        Where it was read from, if it was.

    Returns
    -------
    WeightsFile or None
        A file beside the family, or else in the package, whose facts name the family; files that are damaged or belong
        to another family are passed over.
    """
    candidates = [] if family_file is None else [adapted_path(family_file, kind)]
    shipped = families_folder()
    candidates += sorted(shipped.glob(f"*.{kind}.safetensors")) if shipped.is_dir() else []
    for path in candidates:
        try:
            file = read_weights(path) if path.is_file() else None
        except WeightsError:
            continue
        if file is not None and file.about.facts.get("family") == digest:
            return file
    return None
