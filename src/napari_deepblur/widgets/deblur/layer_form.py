"""Which layer to deblur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.layers import is_listed, refusal
from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_SAYS = ("data", "scale", "units", "translate", "rotate", "shear", "affine")
"""Events of a layer after which it may be refused, or not any more, and its preview is of something else."""

_TITLE_LENGTH = 14
"""Characters of a layer's name that are always visible."""


class LayerForm(QWidget):
    """Choose one of the viewer's image layers.

    The list follows the viewer. Layers that cannot be deblurred stay in it, so that the reason can be shown.

    Parameters
    ----------
    viewer
        The napari viewer.
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """The chosen layer, what it holds, or whether it can be deblurred, has changed."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: list[Layer] = []
        self._heard: Layer | None = None
        self._combo = QComboBox(self)
        self._combo.setObjectName("layer")
        self._combo.setToolTip("The blurred image.")
        self._combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._combo.setMinimumContentsLength(_TITLE_LENGTH)
        self._combo.setPlaceholderText("no image is open")
        self._reason = Notice(self)
        self._reason.setObjectName("layer_reason")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Image", self._combo)
        layout.addRow(self._reason)
        self._connections = Connections(self)
        self._combo.currentIndexChanged.connect(self._announce)
        for name in ("inserted", "removed", "reordered", "renamed"):
            self._connections.connect(getattr(viewer.layers.events, name), self._refresh)
        self._refresh()

    def value(self) -> Layer | None:
        """Return the chosen layer; None where there is no image."""
        index = self._combo.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def setValue(self, layer: Layer | None) -> None:
        """Choose a layer of the viewer; None, or a layer that is not in it, chooses nothing."""
        self._combo.setCurrentIndex(self._layers.index(layer) if layer in self._layers else -1)

    def refusal(self) -> str:
        """Return why nothing can be deblurred; empty where the chosen layer can."""
        layer = self.value()
        return refusal(layer) if layer is not None else "Open an image first: there is none to deblur."

    def _refresh(self, event: Any = None) -> None:
        chosen = self.value()
        self._layers = [layer for layer in self._viewer.layers if is_listed(layer)]
        with QSignalBlocker(self._combo):
            self._combo.clear()
            for layer in self._layers:
                self._combo.addItem(layer.name)
                self._combo.setItemData(
                    self._combo.count() - 1, refusal(layer) or layer.name, Qt.ItemDataRole.ToolTipRole
                )
            # An unsuitable layer is kept only until a suitable one appears.
            if chosen is None or chosen not in self._layers or refusal(chosen):
                chosen = self._suggestion()
            self.setValue(chosen)
        self._announce()

    def _suggestion(self) -> Layer | None:
        """Find the active layer if it can be deblurred, else the topmost that can, else any."""
        active = self._viewer.layers.selection.active
        suitable = [layer for layer in self._layers if not refusal(layer)]
        if active in suitable:
            return active
        return next(reversed(suitable), next(reversed(self._layers), None))

    def _listen(self, layer: Layer | None) -> None:
        """Hear of changes of the chosen layer, and of no other."""
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        if layer != self._heard:
            for name in _SAYS:
                if self._heard is not None:
                    self._connections.disconnect(getattr(self._heard.events, name))
                if layer is not None:
                    self._connections.connect(getattr(layer.events, name), self._announce)
            self._heard = layer

    def _announce(self, event: Any = None) -> None:
        layer = self.value()
        self._listen(layer)
        self._reason.say(refusal(layer) if layer is not None else "", "error")
        self._combo.setToolTip(layer.name if layer is not None else "Open an image with File, or drop one here.")
        self.valueChanged.emit()
