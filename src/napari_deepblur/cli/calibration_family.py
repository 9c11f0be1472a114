"""The file of a calibrated family: safetensors, whose header says what the numbers mean."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_deepblur.calibration import Calibration

SCHEMA = 1


def write_family(path: str | os.PathLike[str], found: Calibration) -> None:
    """Write eigen-PSFs, maps and thetas, whole or not at all.

    Parameters
    ----------
    path
        The ``.safetensors`` file; an existing one is replaced in one step.
    found
        The calibration. Its maps lie on a grid from corner pixel to corner pixel of the field.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from safetensors.numpy import save_file

    from napari_deepblur.io.output import replacing

    tensors = {
        name: np.ascontiguousarray(getattr(found, name), dtype=np.float32) for name in ("eigen_psfs", "maps", "thetas")
    }
    digest = hashlib.sha256(b"".join(tensors[name].tobytes() for name in sorted(tensors))).hexdigest()
    optics = found.microscope
    header = {
        "format": "napari-deepblur family",
        "schema": str(SCHEMA),
        "kind": "product-convolution",
        "order": "multiply-then-convolve",
        "field_shape": json.dumps(found.field_shape),
        "microscope": json.dumps(None if optics is None else asdict(optics)),
        "pixel_size_um": json.dumps(None if optics is None else optics.pixel_size_um),
        "sha256": digest,
    }
    with replacing(path) as partial:
        save_file(tensors, partial, header)
