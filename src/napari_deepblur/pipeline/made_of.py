"""What decides the pixels of a result: two runs that are made of the same make the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from napari_deepblur.io.source_hash import source_hash
from napari_deepblur.io.weights import WeightsFile
from napari_deepblur.pipeline.network_choice import deblurring_weights, identification_weights
from napari_deepblur.pipeline.parts import FileBlur
from napari_deepblur.pipeline.settings import DeblurSettings


def made_of(
    settings: DeblurSettings, source: str, shape: tuple[int, int], asked: Mapping[str, Any], volume: bool = False
) -> dict[str, Any]:
    """Collect what decides a result.

    Parameters
    ----------
    settings
        Of the run.
    source
        `source_hash` of the image.
    shape
        Rows and columns of a plane.
    asked
        What else was asked for, JSON-safe: axes, scene, and the like.
    volume
        Whether a stack is deblurred as one volume.

    Returns
    -------
    dict
        JSON-safe: ``source``, ``settings``, ``asked``, ``files`` (hashes of weights and of the file of the blur) and
        ``version`` of the program.

    Raises
    ------
    FamilyError, FamilyFileError, SettingsError, WeightsError
        Those of `plan`.
    """
    found: dict[str, Any] = {
        "source": source,
        "settings": settings.model_dump(mode="json"),
        "asked": dict(asked),
        "files": _files(settings, shape, volume),
        "version": import_module("napari_deepblur").__version__,
    }
    if found["files"].get("family"):
        # What is in the file of a blur counts, and not by which path it was reached, from which folder or machine.
        found["settings"]["blur"]["file"] = None
    # As it comes out of a record again.
    back: dict[str, Any] = json.loads(json.dumps(found))
    return back


def _files(settings: DeblurSettings, shape: tuple[int, int], volume: bool) -> dict[str, str]:
    of_file = isinstance(settings.blur, FileBlur)
    file = settings.family_file
    found = {} if file is None else {"family": source_hash(file)}
    by_network = settings.restore.method == "network"
    identified = settings.blur.theta is None and not volume
    if (volume and of_file) or not (by_network or identified):
        return found
    family, size = settings.operator_family(shape), settings.compute.size
    used: dict[str, WeightsFile | None] = {}
    if identified:
        used["identification"] = identification_weights(family, size, file)
    if by_network:
        used["deblurring"] = deblurring_weights(family, size, None if volume else file)
    return found | {kind: weights.about.sha256 for kind, weights in used.items() if weights is not None}
