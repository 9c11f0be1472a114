"""What the copied text of a run reads: the file that a layer was opened from, where it holds the layer's pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_deepblur.errors import ImageError
from napari_deepblur.io.axes import other_axes
from napari_deepblur.pipeline.reproduce import Input
from napari_deepblur.widgets.deblur.input_file import scene_of
from napari_deepblur.widgets.layers import full_resolution

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_deepblur.widgets.deblur.wanted import Wanted

_TO_BE_SAVED = "image.tif"
"""What is read where no file holds the pixels."""


def input_of(wanted: Wanted) -> tuple[Input, str]:
    """Return what the text of a run reads, and why that has to be saved first; empty where it is there.

    Parameters
    ----------
    wanted
        What would be run.
    """
    layer, choice = wanted.layer, wanted.choice
    shape = full_resolution(layer).shape
    axes = "".join(a for a, n in zip(choice.axes, shape, strict=True) if n > 1 or a in "YX")
    file, scene, reason = _file_of(layer)
    image = Input(file, axes, scene=scene)
    if choice.planes == "volume":
        once, spacing = choice.reuse == "first" and bool(other_axes(axes)), choice.plane_spacing_um
        return image._replace(once=once, volume_spacing_um=spacing, specimen=choice.specimen), reason
    luminance = axes.endswith("S") and choice.colours == "luminance"
    axes = axes.removesuffix("S") if luminance else axes
    return image._replace(axes=axes, once=choice.reuse == "first", luminance=luminance), reason


def _file_of(layer: Layer) -> tuple[str, int | None, str]:
    """Return a file that holds the pixels of a layer, which of its images, and why there is none.

    The file may be of a format that only napari reads, hold other images or channels, too, or be one of several that
    make up the layer, and a layer may have been given other data since: only equal pixels are the same.
    """
    path = layer.source.path
    if path is None:
        return _TO_BE_SAVED, None, "the layer has no file yet"
    file = Path(path).absolute()
    try:
        count, scene = scene_of(file, full_resolution(layer))
    except (ImageError, OSError):
        return _TO_BE_SAVED, None, f"{file.name}, where the layer is from, is no file that it can read"
    if scene is None:
        return _TO_BE_SAVED, None, f"the layer's pixels are not those of {file.name}"
    return str(file), scene if count > 1 else None, ""
