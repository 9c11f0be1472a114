"""What the copied text of a run reads: the file that a layer was opened from, where it holds the layer's pixels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import ImageError
from napari_deepblur.io.axes import other_axes
from napari_deepblur.io.open_image import each_image, open_image
from napari_deepblur.pipeline.reproduce import Input
from napari_deepblur.widgets.layers import full_resolution

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_deepblur.io.formats.format import Scene
    from napari_deepblur.widgets.deblur.wanted import Wanted

_TO_BE_SAVED = "image.tif"
"""What is read where no file holds the pixels."""

_COMPARED = 2**24
"""Values that are compared at most; of larger images the first, a middle and the last plane."""

_PLANES = 3


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
    data = full_resolution(layer)

    def holds(scene: Scene) -> bool:
        with warnings.catch_warnings():
            # What there is to say of the file was said when it was opened.
            warnings.simplefilter("ignore")
            with open_image(file, scene) as image:
                return _same_pixels(data, image)

    try:
        count, found = each_image(file, holds)
        scene = next((number for number, same in enumerate(found) if same), None)
    except (ImageError, OSError):
        return _TO_BE_SAVED, None, f"{file.name}, where the layer is from, is no file that it can read"
    if scene is None:
        return _TO_BE_SAVED, None, f"the layer's pixels are not those of {file.name}"
    return str(file), scene if count > 1 else None, ""


def _same_pixels(data: Any, image: Any) -> bool:
    """Compare two arrays, without their leading axes of length one."""
    colours = len(image.axes) - len(image.axes.removesuffix("S"))
    ours = [axis for axis, length in enumerate(data.shape) if length > 1 or axis >= len(data.shape) - 2 - colours]
    if tuple(data.shape[axis] for axis in ours) != tuple(image.shape):
        return False
    leading = image.shape[: len(image.shape) - 2 - colours]
    count = int(np.prod(leading, dtype=np.int64))
    looked = range(count) if image.size <= _COMPARED else sorted({round(n) for n in np.linspace(0, count - 1, _PLANES)})
    for number in looked:
        index = tuple(int(place) for place in np.unravel_index(number, leading)) if leading else ()
        full: list[int | slice] = [0 if axis not in ours else slice(None) for axis in range(len(data.shape))]
        for axis, place in zip(ours, index, strict=False):
            full[axis] = place
        one, other = np.asarray(data[tuple(full)]), np.asarray(image[index])
        if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f"):
            return False
    return True
