"""Where live frames come from: a layer whose data change, or a camera of Micro-Manager."""

from __future__ import annotations

import zlib
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_deepblur.errors import ImageError
from napari_deepblur.io.axes import channel_of, leading
from napari_deepblur.pipeline.newest_frame import failure
from napari_deepblur.pipeline.series import lazy_frame
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.deblur.shown_part import shown_frame
from napari_deepblur.widgets.layers import full_resolution, shown_name

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_deepblur.pipeline.newest_frame import NewestFrame

_POLL_MS = 15
"""Between two looks at the camera: a look takes less than a millisecond where there is nothing new."""

_SAMPLED = 64
"""Rows, and columns, that tell whether a frame has changed in place."""


class LayerSource(QObject):
    """Hands in the newest frame of a layer, whenever its data change: replaced, appended to, or written in place.

    The newest is the last along the axis of time, or along the first axis where there is none; of the others, the one
    that the sliders show.

    Parameters
    ----------
    viewer
        The napari viewer.
    layer
        The layer.
    axes
        Its axes, rows and columns last.
    frames
        Where frames go.
    parent
        It listens as long as this object lives.

    Raises
    ------
    ImageError
        If frames of the layer cannot be followed.
    """

    def __init__(self, viewer: Viewer, layer: Layer, axes: str, frames: NewestFrame, parent: QObject) -> None:
        super().__init__(parent)
        if not axes.endswith("YX"):
            raise ImageError(
                f"Live mode follows layers whose last axes are rows and columns, one value a pixel; those of "
                f"{shown_name(str(layer.name))} are {axes}. Choose another layer, or name the axes."
            )
        self._viewer, self._layer, self._axes, self._frames = viewer, layer, axes, frames
        self._fresh = False
        self._seen: Any = None
        self._connections = Connections(self)
        self._connections.connect(layer.events.data, self._replaced)
        self._connections.connect(layer.events.set_data, self._look)
        self._look()
        # Whether data that are new were seen before napari says so.
        self._fresh = False

    def channel(self) -> int:
        """Return which channel is followed."""
        return channel_of(self._axes, self._index())

    def stop(self) -> None:
        """Hand in nothing more."""
        self._connections.close()
        self._frames.close()

    def _index(self) -> tuple[int, ...]:
        shown = list(shown_frame(self._viewer, self._layer, self._axes))
        letters = leading(self._axes)
        if shown:
            along = letters.index("T") if "T" in letters else 0
            shown[along] = int(full_resolution(self._layer).shape[along]) - 1
        return tuple(shown)

    def _replaced(self, event: object = None) -> None:
        """Hand in the newest frame of data that were set, also where it is the same array as before."""
        # napari has drawn them, and so asked for them, before it says that they are new.
        if not self._fresh:
            self._seen = None
            self._look()
        self._fresh = False

    def _look(self, event: object = None) -> None:
        """Hand in the newest frame, unless it is the one that was handed in last."""
        try:
            array = full_resolution(self._layer)
            if len(array.shape) != len(self._axes):
                raise ImageError(
                    f"{shown_name(str(self._layer.name))} has {len(array.shape)} axes now, and had {len(self._axes)}."
                )
            index = self._index()
            if isinstance(array, np.ndarray):
                # A copy: whoever writes into the layer may reuse its memory for the next frame.
                plane = array[index].copy()
                seen, frame = (index, plane.shape, _mark(plane)), partial(_same, plane)
            else:
                # What may lie in a file is read by who works on it.
                seen, frame = (index, array.shape, id(array)), partial(_read, array, self._axes, index)
        except Exception as error:
            # An array may be anything that has a shape; whatever it raises belongs into the dock, not into napari.
            self._frames.fail(failure(error))
            return
        if seen != self._seen:
            self._seen, self._fresh = seen, True
            self._frames.put(frame)


class CameraSource(QObject):
    """Hands in the newest frame of Micro-Manager: of its live view, of snaps, and of acquisitions.

    It starts no camera: whoever drives the microscope does.

    Parameters
    ----------
    frames
        Where frames go.
    parent
        It listens as long as this object lives.

    Raises
    ------
    ImageError
        If there is no Micro-Manager, or no camera in it.
    """

    def __init__(self, frames: NewestFrame, parent: QObject) -> None:
        super().__init__(parent)
        if find_spec("pymmcore_plus") is None:
            raise ImageError("A camera is followed through pymmcore-plus, which is not installed here.")
        from pymmcore_plus import CMMCorePlus

        self._core: Any = CMMCorePlus.instance()
        if not self._core.getCameraDevice():
            raise ImageError("Micro-Manager has no camera yet. Load the configuration of the microscope first.")
        self._frames = frames
        self._last = -1
        self._core.events.imageSnapped.connect(self._snapped)
        self._core.mda.events.frameReady.connect(self._acquired)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def pixel_size_um(self) -> float:
        """Return what Micro-Manager says of the pixels; 0 where it does not know."""
        return float(self._core.getPixelSizeUm())

    def stop(self) -> None:
        """Hand in nothing more."""
        self._timer.stop()
        self._core.events.imageSnapped.disconnect(self._snapped)
        self._core.mda.events.frameReady.disconnect(self._acquired)
        self._frames.close()

    def _look(self) -> None:
        """Hand in the last image of the live view, with the number of those since the one before."""
        try:
            if not self._core.isSequenceRunning():
                self._last = -1
                return
            if not self._core.getRemainingImageCount():
                return
            image, facts = self._core.getLastImageAndMD()
            number = int(facts["ImageNumber"])
        except Exception as error:
            # Drivers raise what they like.
            self._frames.fail(failure(error))
            self._timer.stop()
            return
        if number != self._last:
            missed = max(0, number - self._last - 1) if self._last >= 0 else 0
            self._last = number
            self._frames.put(np.array(image), missed)

    def _snapped(self, *_: object) -> None:
        self._frames.put(np.array(self._core.getImage()))

    def _acquired(self, image: NDArray[Any], *_: object) -> None:
        self._frames.put(np.array(image))


def _same(plane: NDArray[Any]) -> NDArray[Any]:
    return plane


def _read(array: Any, axes: str, index: tuple[int, ...]) -> NDArray[Any]:
    return np.asarray(lazy_frame(array, axes, index))


def _mark(plane: NDArray[Any]) -> int:
    """Return a number that changes with the plane; of some of its pixels, as it is asked for whenever napari draws."""
    steps = [max(1, length // _SAMPLED) for length in plane.shape]
    return zlib.crc32(np.ascontiguousarray(plane[:: steps[0], :: steps[1]]).tobytes())
