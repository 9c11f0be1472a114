"""The pixel size that an image file states."""

from __future__ import annotations

import os

from napari_deepblur.io.acquisition_files import read_acquisition


def read_pixel_size_um(path: str | os.PathLike[str]) -> float | None:
    """Read the pixel size in micrometres that an image file states.

    Parameters
    ----------
    path
        The file, of any format of `open_image`.

    Returns
    -------
    float or None
        The width of a pixel; None where the file does not say, or says what no microscope has (over 10 um).
    """
    size = read_acquisition(path).pixel_size_um
    return None if size is None else size[1]
