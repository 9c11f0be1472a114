"""The file that a layer was opened from: whether it holds the layer's pixels, and what it says beside the optics."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.open_image import each_image, open_image
from napari_deepblur.widgets.layer_acquisition import layer_file, recorded_acquisition
from napari_deepblur.widgets.layers import METADATA_KEY, full_resolution

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_deepblur.io.formats.format import Scene
    from napari_deepblur.io.lazy_image import LazyImage

_COMPARED = 2**24
"""Values that are compared at most; of larger images the first, a middle and the last plane."""

_PLANES = 3

_KEPT = ("time_increment_s", "channels", "channel_colours", "modality", "planes")
"""What results keep of how their image was taken: optics and pixel size are those of the run."""


class InputFile:
    """What the record of a result says of its image's file.

    Made in the thread of the window, where layers live; `look` reads the file in the thread of the run.

    Parameters
    ----------
    layer
        What is deblurred, as it is now.
    """

    def __init__(self, layer: Layer) -> None:
        self._path = str(layer.source.path or "")
        self._of_optics = layer_file(layer)
        self._data = full_resolution(layer)
        self._said = recorded_acquisition(layer.metadata.get(METADATA_KEY))
        self._differs = False

    def look(self) -> None:
        """Compare the file with the pixels, and read when and where its planes were taken; in any thread."""
        if self._path:
            try:
                self._differs = not _is_in(Path(self._path), self._data)
            except Exception:
                # Gone since, of a format that only napari reads, or pixels that cannot be computed, of which the run
                # itself says why: it stays the file that the layer was opened from.
                self._differs = False
        if self._of_optics is not None and not self._differs:
            try:
                self._said = self._said.or_else(read_acquisition(self._of_optics))
            except (ImageError, OSError):
                return

    def written(self) -> dict[str, str]:
        """Return the file of the pixels; where it holds others, that the layer was opened from it."""
        return {"file": "", "opened_from": self._path} if self._differs else {"file": self._path}

    def acquisition(self) -> dict[str, Any]:
        """Return what results keep of how the image was taken, as JSON knows it."""
        known = {name: getattr(self._said, name) for name in _KEPT if getattr(self._said, name)}
        if not known:
            return {}
        origins = {name: origin for name, origin in self._said.origins.items() if name in known}
        stated = asdict(Acquisition(**known, origins=origins))
        kept: dict[str, Any] = json.loads(json.dumps({name: stated[name] for name in (*known, "origins")}))
        return kept


def scene_of(file: Path, data: Any) -> tuple[int, int | None]:
    """Return how many images a file holds, and the number of the one with these pixels; None where it has none.

    Parameters
    ----------
    file
        The file.
    data
        Array of a layer.

    Raises
    ------
    ImageError
        If the file cannot be read.
    OSError
        If it cannot be reached.
    """

    def holds(scene: Scene) -> bool:
        with _quietly(file, scene) as image:
            return same_pixels(data, image)

    count, found = each_image(file, holds)
    return count, next((number for number, same in enumerate(found) if same), None)


def _is_in(file: Path, data: Any) -> bool:
    """Tell whether an image of a file, or one of its channels, has these pixels."""

    def holds(scene: Scene) -> bool:
        with _quietly(file, scene) as image:
            channels = range(image.shape[image.axes.index("C")]) if "C" in image.axes[:-2] else ()
            return any(same_pixels(data, image, channel) for channel in (None, *channels))

    return any(each_image(file, holds)[1])


@contextmanager
def _quietly(file: Path, scene: Scene) -> Iterator[LazyImage]:
    with warnings.catch_warnings():
        # What there is to say of the file was said when it was opened.
        warnings.simplefilter("ignore")
        with open_image(file, scene) as image:
            yield image


def same_pixels(data: Any, image: LazyImage, channel: int | None = None) -> bool:
    """Compare an array with an image of a file, without its leading axes of length one.

    Parameters
    ----------
    data
        Array of a layer.
    image
        The image.
    channel
        Compare with this channel alone, as programs open each channel as a layer of its own.
    """
    colours = len(image.axes) - len(image.axes.removesuffix("S"))
    ours = [axis for axis, length in enumerate(data.shape) if length > 1 or axis >= len(data.shape) - 2 - colours]
    at = None if channel is None else image.axes.index("C")
    shape = tuple(length for axis, length in enumerate(image.shape) if axis != at)
    if tuple(data.shape[axis] for axis in ours) != shape:
        return False
    leading = shape[: len(shape) - 2 - colours]
    count = int(np.prod(leading, dtype=np.int64))
    size = int(np.prod(shape, dtype=np.int64))
    looked = range(count) if size <= _COMPARED else sorted({round(n) for n in np.linspace(0, count - 1, _PLANES)})
    for number in looked:
        index = tuple(int(place) for place in np.unravel_index(number, leading)) if leading else ()
        full: list[int | slice] = [0 if axis not in ours else slice(None) for axis in range(len(data.shape))]
        for axis, place in zip(ours, index, strict=False):
            full[axis] = place
        of_file = index if at is None or channel is None else (*index[:at], channel, *index[at:])
        one, other = np.asarray(data[tuple(full)]), np.asarray(image[of_file])
        if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f"):
            return False
    return True
