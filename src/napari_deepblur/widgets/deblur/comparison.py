"""Before and after: a result faded until nothing but its image is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class Comparison:
    """Fade one result over its image, and hide the other pictures that lie over it meanwhile.

    Other results and previews of the same image would be seen in place of it. What was hidden comes back with the
    slider, or with `end`, and so does the opacity that both had.

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
        self._shown: list[Layer] = []
        self._opacity: dict[str, float] = {}

    def blend(self, result: Layer, image: Layer, share: float) -> None:
        """Let so much of the result be seen over the image, from 0 to 1."""
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        if self._result is not None and self._result != result:
            self.end()
        if share < 1 and self._result is None:
            self._begin(result, image)
        layers = list(self._viewer.layers)
        if self._result is not None and result in layers and image in layers:
            # What lies above is faded: people put layers in any order.
            above = layers.index(result) > layers.index(image)
            result.opacity, image.opacity = (share, 1.0) if above else (1.0, 1 - share)
        if share >= 1:
            self.end()

    def end(self) -> None:
        """Show everything as it was."""
        for layer in (self._result, self._image):
            if layer is not None and layer in self._viewer.layers:
                layer.opacity = self._opacity[str(layer.unique_id)]
        for layers, visible in ((self._hidden, True), (self._shown, False)):
            for layer in layers:
                if layer in self._viewer.layers:
                    layer.visible = visible
        self._result = self._image = None
        self._hidden, self._shown, self._opacity = [], [], {}

    def _begin(self, result: Layer, image: Layer) -> None:
        self._result, self._image = result, image
        layers = list(self._viewer.layers)
        lower = min(layers.index(layer) for layer in (result, image))
        for layer in layers[lower + 1 :]:
            if layer not in (result, image) and layer.visible and _covers(layer):
                layer.visible = False
                self._hidden.append(layer)
        for layer in (result, image):
            self._opacity[str(layer.unique_id)] = float(layer.opacity)
            if not layer.visible:
                layer.visible = True
                self._shown.append(layer)


def _covers(layer: Any) -> bool:
    """Tell whether a layer is a picture; points, shapes and labels are what people draw on one."""
    from napari.layers import Image

    return isinstance(layer, Image)
