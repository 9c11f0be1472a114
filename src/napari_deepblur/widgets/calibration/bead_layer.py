"""The beads in the viewer: a layer of points whose colours say which are used, and which a click decides."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_deepblur.widgets.calibration.bead_detection import State
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.layers import METADATA_KEY

if TYPE_CHECKING:
    from napari.layers import Layer, Points
    from napari.viewer import Viewer

    from napari_deepblur.widgets.calibration.bead_detection import ShownBeads

COLOURS = {
    State.KEPT: "#35c46a",
    State.REJECTED: "#e5484d",
    State.USED: "#4cc2ff",
    State.EXCLUDED: "#f5a623",
}
"""What the rings look like; the help text of the dock names them."""

_RING_PIXELS = 17.0
"""Diameter of a ring."""

_STILL_PIXELS = 3
"""A mouse that moves by more while its button is down moves the camera."""


class BeadLayer(QObject):
    """One points layer that is made when it is first needed, and then changed in place.

    Its features have the columns ``state`` and ``reason``, which napari shows in the status bar under the pointer. If
    the user removes the layer, the next beads make another.

    Parameters
    ----------
    viewer
        The napari viewer.
    parent
        Its owner.
    """

    clicked = Signal(int)
    """Index of a bead that was clicked."""

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Points | None = None
        self._image: Layer | None = None
        self._connections = Connections(self)
        self._connections.connect(viewer.layers.events.removed, self._leave)

    def value(self) -> Points | None:
        """Return the layer; None where there is none in the viewer."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def close(self) -> None:
        """Take the layer away."""
        layer = self.value()
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._layer = None

    def setImage(self, image: Layer | None) -> None:
        """Say in which layer the beads are: rings are seen with it, and go with it. None for a file."""
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        if image != self._image:
            if self._image is not None:
                self._connections.disconnect(self._image.events.visible)
            if image is not None:
                self._connections.connect(image.events.visible, self._follow)
            self._image = image
        self._follow()

    def _follow(self, event: object = None) -> None:
        layer = self.value()
        if layer is not None and self._image is not None:
            layer.visible = self._image.visible

    def _leave(self, event: object = None) -> None:
        """Take the rings off where their image has gone."""
        if self._image is not None and self._image not in self._viewer.layers:
            self._connections.disconnect(self._image.events.visible)
            self._image = None
            self.close()

    def setValue(self, beads: ShownBeads, name: str, placement: dict[str, Any]) -> None:
        """Show beads.

        Parameters
        ----------
        beads
            What to show.
        name
            Of the image that they are in.
        placement
            Arguments that put a layer onto its field.
        """
        layer = self.value()
        features = {"state": [str(state) for state in beads.states], "reason": list(beads.reasons)}
        colours = np.array([COLOURS[state] for state in beads.states], dtype=object)
        if layer is None:
            layer = self._new_layer(placement)
        else:
            for key, value in placement.items():
                if key != "axis_labels":
                    setattr(layer, key, value)
        if layer.name != f"{name} rings":
            layer.name = f"{name} rings"
        layer.selected_data = set()
        layer.data = np.asarray(beads.points, dtype=float).reshape(-1, 2)
        layer.features = features
        layer.size = _RING_PIXELS
        if len(beads.points):
            layer.border_color = list(colours)
        layer.refresh()

    def selected(self) -> list[int]:
        """Return the points that are selected in the layer."""
        layer = self.value()
        return sorted(int(index) for index in layer.selected_data) if layer is not None else []

    def _new_layer(self, placement: dict[str, Any]) -> Points:
        from napari.layers import Points

        layer = Points(
            np.zeros((0, 2)),
            ndim=2,
            features={"state": [], "reason": []},
            face_color="transparent",
            border_width=0.12,
            size=_RING_PIXELS,
            symbol="disc",
            text={"string": "{reason}", "size": 8, "color": "white", "visible": False},
            metadata={METADATA_KEY: {"part": "beads"}},
            **placement,
        )
        # The layer may outlive the dock: it must not keep it.
        owner = weakref.ref(self)

        def click(points: Points, event: Any) -> Generator[None]:
            yield from _click(owner, points, event)

        layer.mouse_drag_callbacks.append(click)
        self._viewer.add_layer(layer)
        self._layer = layer
        return layer


def _click(owner: weakref.ref[BeadLayer], layer: Points, event: Any) -> Generator[None]:
    """Tell the owner of a click on a point, in the mode that moves the camera."""
    if str(layer.mode) != "pan_zoom" or event.button != 1:
        return
    start = np.array(event.pos)
    yield
    while event.type == "mouse_move":
        yield
    if np.abs(np.array(event.pos) - start).max() > _STILL_PIXELS:
        return
    index = layer.get_value(
        event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
    )
    beads = owner()
    if index is not None and beads is not None:
        beads.clicked.emit(int(index))
