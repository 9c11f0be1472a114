"""Before and after: a result faded until nothing but its image is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class Comparison:
    """Fade one result over its image, and hide the other pictures that lie over it meanwhile.

    Other results and previews of the same image would be seen in place of it. What was hidden comes back with the
    slider, or with `end`.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._result: Layer | None = None
        self._image: Layer | None = None
        self._hidden: list[Layer] = []
        self._image_was_hidden = False

    def blend(self, result: Layer, image: Layer, share: float) -> None:
        """Let so much of the result be seen over the image, from 0 to 1."""
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        if self._result is not None and self._result != result:
            self.end()
        if share < 1 and self._result is None:
            self._begin(result, image)
        if result in self._viewer.layers:
            result.opacity = share
        if share >= 1:
            self.end()

    def end(self) -> None:
        """Show everything as it was."""
        result, image = self._result, self._image
        for layer in self._hidden:
            if layer in self._viewer.layers:
                layer.visible = True
        if result is not None and result in self._viewer.layers:
            result.opacity = 1.0
        if image is not None and image in self._viewer.layers and self._image_was_hidden:
            image.visible = False
        self._result = self._image = None
        self._hidden, self._image_was_hidden = [], False

    def _begin(self, result: Layer, image: Layer) -> None:
        self._result, self._image = result, image
        layers = list(self._viewer.layers)
        for layer in layers[layers.index(image) + 1 :]:
            if layer != result and layer.visible and _covers(layer):
                layer.visible = False
                self._hidden.append(layer)
        self._image_was_hidden = not image.visible
        image.visible = True


def _covers(layer: Any) -> bool:
    """Tell whether a layer is a picture; points, shapes and labels are what people draw on one."""
    from napari.layers import Image

    return isinstance(layer, Image)
