"""How an image was taken, read from its file without reading its pixels."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from napari_deepblur.errors import AssumptionWarning, ImageError, ModalityWarning
from napari_deepblur.io.acquisition import Acquisition, common
from napari_deepblur.io.diagnosis import diagnosed
from napari_deepblur.io.formats import tiff
from napari_deepblur.io.formats.format import Scene
from napari_deepblur.io.open_image import each_image, format_of, open_image


def read_acquisition(path: str | os.PathLike[str], scene: Scene = None) -> Acquisition:
    """Read how an image was taken.

    Parameters
    ----------
    path
        The file, of any format of `open_image`.
    scene
        Which of its images. Where there are several and none is chosen, what all of them say alike is returned.

    Returns
    -------
    Acquisition
        Empty where the file says nothing, is damaged, missing or in a format that has no such metadata: whether its
        pixels can be read is for others to say.

    Raises
    ------
    ImageError
        If the package that reads the format is not installed.
    """
    source = Path(path)
    if not source.exists():
        return Acquisition()
    with warnings.catch_warnings():
        # Whoever opens the image is told.
        warnings.simplefilter("ignore", ModalityWarning)
        warnings.simplefilter("ignore", AssumptionWarning)
        try:
            known = format_of(source)
        except ImageError:
            return Acquisition(source=str(source))
        try:
            if scene is not None:
                return _of(source, scene)
            return _of_all(source)
        except ImageError as error:
            if "is not installed" in str(error):
                raise
        if known is not tiff.TIFF:
            return Acquisition(source=str(source))
        try:
            # What an incomplete TIFF file says still holds.
            with diagnosed(source):
                return tiff.stated(source)
        except ImageError:
            return Acquisition(source=str(source))


def _of(source: Path, scene: Scene) -> Acquisition:
    with open_image(source, scene) as image:
        return image.acquisition


def _of_all(source: Path) -> Acquisition:
    _, each = each_image(source, lambda scene: _of(source, scene))
    return common(list(each))
