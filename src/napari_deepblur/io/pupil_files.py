"""Files of pupils: safetensors with a wavefront, its error bars and a transmission; the header has the optics.

Header, all of it text: ``format`` "napari-deepblur pupil"; ``schema`` the version of this layout; and in JSON
``microscope``, ``modes`` and ``amplitude_modes``. Tensors, float32: ``theta`` and ``theta_std`` (K,), in waves RMS, and
``amplitude`` (A,). Header and shapes are checked before anything is made of them, and nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from napari_deepblur.errors import DeepblurError, FamilyFileError
from napari_deepblur.io.output import replacing
from napari_deepblur.optics import KnownPupil, Microscope, noll_to_nm

SCHEMA = 1
"""Version of the layout that this program writes, and the newest that it reads."""

_FORMAT = "napari-deepblur pupil"
_MOST_MODES = 200


def save_pupil(pupil: KnownPupil, path: str | os.PathLike[str], theta_std: ArrayLike | None = None) -> None:
    """Write a pupil, whole or not at all.

    Parameters
    ----------
    pupil
        What to write, such as `PupilRetrieval.pupil`.
    path
        The ``.safetensors`` file; an existing one is replaced in one step.
    theta_std
        Standard deviations of its coefficients, for whoever reads the file; by default unknown (NaN).

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is unharmed.
    """
    theta = np.asarray(pupil.theta, np.float32)
    spread = np.full(theta.shape, np.nan) if theta_std is None else np.asarray(theta_std)
    tensors = {
        "theta": theta,
        "theta_std": np.ascontiguousarray(spread, np.float32),
        "amplitude": np.array([weight for _, weight in pupil.amplitude], np.float32),
    }
    header = {
        "format": _FORMAT,
        "schema": str(SCHEMA),
        "microscope": json.dumps(pupil.microscope.as_record()),
        "modes": json.dumps(pupil.modes),
        "amplitude_modes": json.dumps([j for j, _ in pupil.amplitude]),
    }
    with replacing(path) as partial:
        save_file(tensors, partial, header)


def load_pupil(path: str | os.PathLike[str]) -> KnownPupil:
    """Read a pupil that `save_pupil` wrote; it equals the one that was saved.

    Raises
    ------
    FamilyFileError
        If the file is missing, damaged, foreign, or newer than this program.
    """
    if not Path(path).is_file():
        raise FamilyFileError(f"There is no file {path}. Give the .safetensors file of a pupil.")
    try:
        with safe_open(path, "numpy") as file:
            header: dict[str, str] = file.metadata() or {}
            _check_header(Path(path), header)
            names = ("theta", "amplitude")
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            modes, passed = (tuple(json.loads(header[name])) for name in ("modes", "amplitude_modes"))
            expected = {"theta": (len(modes),), "amplitude": (len(passed),)}
            if shapes != expected or max(len(modes), len(passed)) > _MOST_MODES:
                raise ValueError(f"tensors of the shapes {shapes}, expected {expected}")
            theta, amplitude = (file.get_tensor(name).astype(float) for name in names)
        for j in (*modes, *passed):
            noll_to_nm(j)
        if not (np.isfinite(theta).all() and np.isfinite(amplitude).all()):
            raise ValueError("coefficients that are not finite")
        microscope = Microscope.from_record(json.loads(header["microscope"]))
        pairs = zip(passed, amplitude.tolist(), strict=True)
        return KnownPupil(microscope, modes, tuple(theta.tolist()), tuple(pairs))
    except FamilyFileError:
        raise
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError, DeepblurError) as error:
        raise FamilyFileError(
            f"{path} makes no pupil ({error}). It is damaged or was edited: calibrate again, or fetch it again."
        ) from error


def is_pupil_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file says in its header that it holds a pupil; no tensor is read."""
    try:
        with safe_open(path, "numpy") as file:
            return (file.metadata() or {}).get("format") == _FORMAT
    except (SafetensorError, OSError):
        return False


def _check_header(path: Path, header: dict[str, str]) -> None:
    if header.get("format") != _FORMAT:
        raise FamilyFileError(
            f"{path} has {header.get('format', 'no format name')} in its header, expected {_FORMAT!r}. "
            "`napari-deepblur calibrate --pupil` and `save_pupil` write pupils."
        )
    schema = header.get("schema", "")
    if not schema.isdecimal() or not 1 <= int(schema) <= SCHEMA:
        raise FamilyFileError(
            f"{path} has the schema version {schema!r}, and this program knows versions up to {SCHEMA}. If a newer "
            "napari-deepblur wrote it, update; else it is damaged."
        )
