"""Maps over the field of how good the PSFs of a result are, measured beside the window and added as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_deepblur.errors import SettingsError
from napari_deepblur.widgets.latest import Latest
from napari_deepblur.widgets.layers import selection_kept

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.widgets.deblur.run_display import RunDisplay
    from napari_deepblur.widgets.layers import LayerData


class FieldMaps(QObject):
    """Measures the PSFs of a result over the field, one result at a time.

    Parameters
    ----------
    viewer
        Where the maps are added.
    parent
        What it belongs to.
    """

    said = Signal(str, str)
    """What was done or could not be, and its level."""

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._measuring = Latest(self)
        self._measuring.ready.connect(self._show)
        self._measuring.failed.connect(self._say_error)

    def add(self, display: RunDisplay | None) -> None:
        """Measure the blur of a result; raises `SettingsError` where its PSFs are not at hand."""
        measure = None if display is None else display.measured_field()
        if measure is None:
            raise SettingsError(
                "Field maps are of a result of planes that was made since napari was started: select one, or press "
                "Deblur first."
            )
        self.said.emit("Measuring the PSFs over the field…", "note")
        self._measuring.request(measure)

    def _show(self, layers: list[LayerData]) -> None:
        from napari.layers import Layer

        with selection_kept(self._viewer):
            for made in layers:
                self._viewer.add_layer(Layer.create(*made))
        self.said.emit(f"Added {len(layers)} maps over the field; all but the first are hidden.", "note")

    def _say_error(self, error: Exception) -> None:
        self.said.emit(str(error), "error")
