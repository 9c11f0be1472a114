"""The file with the statistics of the spectra of sharp scenes that the spectral fit measures an image against."""

from __future__ import annotations

import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.output import replacing
from napari_deepblur.io.tensor_files import check_digest, digest, shipped_digest
from napari_deepblur.io.weights_folders import shipped_weights
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW

_FORMAT = "napari-deepblur scene spectra 1"
_FILE = "scene-spectra.safetensors"
_SHAPE = (WINDOW, WINDOW // 2 + 1)


def save_scene_spectra(spectra: SceneSpectra, path: str | os.PathLike[str]) -> None:
    """Write statistics in half precision; raises `OutputError` if the file cannot be written."""
    names = ("mean", "components", "variances", "residual")
    # Variances in logarithms: half precision ends at 6e-5.
    tensors = {name: getattr(spectra, name) for name in names}
    tensors |= {name: tensors[name].clamp_min(1e-12).log() for name in ("variances", "residual")}
    with replacing(path) as partial:
        kept = {name: value.half().cpu().contiguous() for name, value in tensors.items()}
        save_file(kept, partial, {"format": _FORMAT, "windows": str(spectra.windows), "sha256": digest(kept)})


def load_scene_spectra(path: str | os.PathLike[str] | None = None) -> SceneSpectra:
    """Read statistics; by default those in the package.

    Raises
    ------
    WeightsError
        If the file is missing, damaged or foreign.
    """
    source = shipped_weights() / _FILE if path is None else Path(path)
    try:
        with safe_open(source, "pt") as file:
            header = file.metadata() or {}
            if header.get("format") != _FORMAT:
                raise WeightsError(f"{source} has {header.get('format', 'no format')} in its header, not {_FORMAT!r}.")
            stored = {name: file.get_tensor(name) for name in file.keys()}
        check_digest(source, header.get("sha256") or shipped_digest(source), stored)
        tensors = {name: value.float() for name, value in stored.items()}
        made = SceneSpectra(
            tensors["mean"],
            tensors["components"],
            tensors["variances"].exp(),
            tensors["residual"].exp(),
            int(header["windows"]),
        )
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{source} cannot be read as scene spectra ({error}). Reinstall the package.") from error
    count = len(made.variances)
    if made.mean.shape != _SHAPE or made.residual.shape != _SHAPE or made.components.shape != (count, *_SHAPE):
        raise WeightsError(f"{source} has spectra of shape {tuple(made.mean.shape)}, expected {_SHAPE}.")
    return made
