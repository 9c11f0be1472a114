"""Series, stacks, channels and colours of image files, with the names of their axes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.io.formats.format import Scene
from napari_deepblur.io.open_image import open_image


def read_stack(path: str | os.PathLike[str], scene: Scene = None) -> tuple[NDArray[Any], str]:
    """Read all planes of one image of a file into memory; `open_image` reads them one by one.

    Parameters
    ----------
    path
        The file, of any format of `open_image`.
    scene
        Which of its images, where there are several.

    Returns
    -------
    tuple
        Array, in the file's own type, without axes of length one except rows and columns; and a letter for each axis
        as the file names them, ``?`` where it does not. The last axis of a colour image is S, 3 or 4 long.

    Raises
    ------
    ImageError
        As `open_image`.
    """
    with open_image(path, scene) as image:
        return np.asarray(image), image.axes
