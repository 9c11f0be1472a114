"""Files of families: safetensors, whose header says what the numbers mean.

Header, all of it text: ``format`` "napari-deepblur family"; ``schema`` the version of this layout; ``kind`` of family;
``order`` "multiply-then-convolve", where there are maps; ``sha256`` of the tensors' bytes, in the order of their names;
and in JSON ``microscope``, ``pixel_size_um``, ``field_shape`` and the numbers of Zernike families. Tensors, float32:
``eigen_psfs`` (I, k, k), ``maps`` (J, G, G'), ``thetas`` (L, I) or (L, I, J). The header and all shapes are checked
before a tensor is read, and nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from napari_deepblur.errors import DeepblurError, FamilyFileError
from napari_deepblur.io.family_contents import MAKERS, ORDER, TENSORS, Header, Tensors, contents
from napari_deepblur.io.family_places import PSF_SUFFIXES
from napari_deepblur.io.family_places import find_family as find_family
from napari_deepblur.io.family_places import shipped_families as shipped_families
from napari_deepblur.io.output import replacing
from napari_deepblur.io.psf_files import load_psf
from napari_deepblur.io.pupil_files import is_pupil_file, load_pupil
from napari_deepblur.operators import EigenPsfFamily, OperatorFamily
from napari_deepblur.optics import KnownPupil

SCHEMA = 1
"""Version of the layout that this program writes, and the newest that it reads."""

_FORMAT = "napari-deepblur family"
_LARGEST_SIDE = {"eigen_psfs": (1000, 255, 255), "maps": (1000, 16384, 16384), "thetas": (10**6, 10**6, 1000)}
_PSF_REACH = 4.0
"""Half the PSF of a pupil in focus, in units of wavelength / NA."""

_MOST_VALUES = 2**28
"""Values of a tensor beyond which a file is not believed: one gigabyte."""


def save_family(family: OperatorFamily, path: str | os.PathLike[str]) -> None:
    """Write a family, whole or not at all.

    Parameters
    ----------
    family
        One of the package's families.
    path
        The ``.safetensors`` file; an existing one is replaced in one step.

    Raises
    ------
    FamilyError
        If the family is of a kind that has no file format.
    OutputError
        If the file cannot be written; an existing one is unharmed.
    """
    header, tensors = contents(family)
    with replacing(path) as partial:
        save_file(tensors, partial, {"format": _FORMAT, "schema": str(SCHEMA), **header, "sha256": _digest(tensors)})


def load_family(path: str | os.PathLike[str]) -> OperatorFamily:
    """Read a family that `save_family` wrote; it equals the one that was saved.

    Parameters
    ----------
    path
        The file; or a TIFF file with the picture of one PSF, which is a family of one member (`load_psf`), as is the
        PSF in focus of a pupil (`load_pupil`).

    Returns
    -------
    OperatorFamily
        Of the class that was saved.

    Raises
    ------
    FamilyFileError
        If the file is missing, truncated, damaged, foreign, or newer than this program.
    """
    if Path(path).suffix.lower() in PSF_SUFFIXES:
        return load_psf(path)
    if is_pupil_file(path):
        return _in_focus(load_pupil(path))
    header, tensors = _read(Path(path))
    try:
        return MAKERS[header["kind"]](header, tensors)
    except (KeyError, ValueError, TypeError, AttributeError, DeepblurError) as error:
        raise FamilyFileError(
            f"{path} has a header or tensors that make no family ({error}). It is damaged or was edited: calibrate "
            "again, or fetch it again."
        ) from error


def is_family_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file says in its header that it holds a family; no tensor is read.

    `load_family` may still refuse it, as damaged or newer than this program.
    """
    try:
        with safe_open(path, "numpy") as file:
            return (file.metadata() or {}).get("format") == _FORMAT
    except (SafetensorError, OSError):
        return False


def family_hash(family: OperatorFamily) -> str:
    """Return the SHA-256 of everything that a family's file would hold: equal for equal families.

    Raises
    ------
    FamilyError
        If the family is of a kind that has no file format.
    """
    header, tensors = contents(family)
    shapes = {name: value.shape for name, value in tensors.items()}
    facts = json.dumps([header, shapes, _digest(tensors)], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def _in_focus(pupil: KnownPupil) -> EigenPsfFamily:
    """Make a family of which the PSF of a pupil in focus is the only member."""
    half = min(max(math.ceil(_PSF_REACH / pupil.microscope.cutoff), 15), 63)
    return EigenPsfFamily(pupil.psf(2 * half + 1).numpy()[None], microscope=pupil.microscope)


def _digest(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].data)
    return digest.hexdigest()


def _read(path: Path) -> tuple[Header, Tensors]:
    """Check the header and every shape; only then read the tensors, and check their hash."""
    if not path.is_file():
        raise FamilyFileError(f"There is no file {path}. Give the .safetensors file of a family.")
    try:
        with safe_open(path, "numpy") as file:
            header: Header = file.metadata() or {}
            _check_header(path, header)
            names = sorted(file.keys())
            _check_tensors(path, header["kind"], {name: file.get_slice(name) for name in names})
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise FamilyFileError(
            f"{path} is truncated or not a safetensors file ({error}). Calibrate again, or fetch it again."
        ) from error
    if _digest(tensors) != header.get("sha256"):
        raise FamilyFileError(f"{path} is damaged: its numbers are not those that were written. Fetch it again.")
    return header, tensors


def _check_header(path: Path, header: Header) -> None:
    found = header.get("format", "no format name")
    if found != _FORMAT:
        raise FamilyFileError(
            f"{path} has {found} in its header, expected {_FORMAT!r}: it is a file of another program or for another "
            "purpose. `napari-deepblur calibrate` and `save_family` write families."
        )
    schema = header.get("schema", "")
    if not schema.isdecimal() or int(schema) < 1:
        raise FamilyFileError(f"{path} has the schema version {schema!r}, expected a number. It is damaged.")
    if int(schema) > SCHEMA:
        raise FamilyFileError(
            f"{path} has schema version {schema}, and this program knows versions up to {SCHEMA}: a newer "
            "napari-deepblur wrote it. Update napari-deepblur."
        )
    if header.get("kind") not in MAKERS:
        raise FamilyFileError(
            f"{path} holds a family of the kind {header.get('kind')!r}, expected one of {', '.join(MAKERS)}."
        )
    if header.get("order", ORDER) != ORDER:
        raise FamilyFileError(f"{path} has operators of the order {header['order']!r}, expected {ORDER!r}.")


def _check_tensors(path: Path, kind: str, slices: Mapping[str, Any]) -> None:
    """Check names, types and shapes, which are known without reading the tensors."""
    needed, optional = TENSORS[kind]
    if not needed <= set(slices) <= needed | optional:
        expected = ", ".join(sorted(needed)) or "none"
        raise FamilyFileError(f"{path} holds the tensors {', '.join(slices) or 'none'}, expected {expected}.")
    for name, part in slices.items():
        shape = tuple(part.get_shape())
        if part.get_dtype() != "F32":
            raise FamilyFileError(f"{path} has {name} of type {part.get_dtype()}, expected F32.")
        limits = _LARGEST_SIDE[name]
        absurd = len(shape) > len(limits) or any(n > most for n, most in zip(shape, limits, strict=False))
        if absurd or not all(shape) or np.prod([float(n) for n in shape]) > _MOST_VALUES:
            raise FamilyFileError(f"{path} has {name} of shape {shape}, which no family has. It is damaged.")
