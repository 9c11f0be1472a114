"""Bead stacks of image files, which must all be of one microscope: one pixel size, square pixels, one colour."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import CalibrationError
from napari_deepblur.io.acquisition import SQUARE
from napari_deepblur.io.formats.format import Scene
from napari_deepblur.io.open_image import open_image

_SAME = 0.01
"""Relative difference of pixel sizes below which they are the same."""


def read_bead_stacks(
    paths: Sequence[str | os.PathLike[str]], scene: Scene = None, pixel_size_um: float | None = None
) -> tuple[list[NDArray[Any]], float | None]:
    """Read bead stacks into memory.

    Parameters
    ----------
    paths
        The files.
    scene
        Which image of each, where they hold several.
    pixel_size_um
        As the user states it; it counts more than what the files say.

    Returns
    -------
    tuple
        The stacks, and the pixel size that the files state, in micrometres; None where none does.

    Raises
    ------
    ImageError
        If a file cannot be read.
    CalibrationError
        If pixels are not square, pixel sizes differ, or channels or colours would be taken for planes.
    """
    stacks: list[NDArray[Any]] = []
    sizes: dict[str, float] = {}
    for path in map(Path, paths):
        with open_image(path, scene) as image:
            colours = [letter for letter in "CS" if letter in image.axes]
            if colours:
                raise CalibrationError(
                    f"{path.name} has {image.shape[image.axes.index(colours[0])]} channels or colours (axes "
                    f"{image.axes}). Each colour has its own blurs, and they would be taken for planes of one stack. "
                    "Save the channels as files of their own, and calibrate each by itself."
                )
            said = image.acquisition.pixel_size_um
            if said is not None and pixel_size_um is None:
                if not math.isclose(*said, rel_tol=SQUARE):
                    raise CalibrationError(
                        f"{path.name} says that its pixels are not square ({said[0]:.4g} x {said[1]:.4g} um), and a "
                        "family of blurs is for square ones. Resample the stack, or give --pixel-size-um if the "
                        "file is wrong."
                    )
                sizes[path.name] = said[1]
            stacks.append(np.asarray(image))
    if sizes and max(sizes.values()) > (1 + _SAME) * min(sizes.values()):
        listed = ", ".join(f"{name} {size:.4g}" for name, size in sizes.items())
        raise CalibrationError(
            f"The stacks have different pixel sizes in micrometres: {listed}. A family is of one microscope at one "
            "magnification: calibrate each by itself, or give --pixel-size-um if the files are wrong."
        )
    return stacks, next(iter(sizes.values()), None)
