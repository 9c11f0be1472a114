"""What is known of the result layers of a viewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.deblur.recorded_findings import found_in_record
from napari_deepblur.widgets.layers import METADATA_KEY, full_resolution

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from qtpy.QtCore import QObject

    from napari_deepblur.widgets.deblur.findings import Findings
    from napari_deepblur.widgets.deblur.run_display import RunDisplay


class _Entry(NamedTuple):
    findings: Findings
    display: RunDisplay


class ResultBook:
    """Finds what a layer is the result of: what a run of this session knows, or else what its record says.

    Parameters
    ----------
    viewer
        The napari viewer; what is known of a layer is forgotten with it.
    owner
        The book listens as long as this object lives.
    """

    def __init__(self, viewer: Viewer, owner: QObject) -> None:
        self._viewer = viewer
        self._entries: dict[str, _Entry] = {}
        self._runs: list[list[Layer]] = []
        self._connections = Connections(owner)
        self._connections.connect(viewer.layers.events.removed, self._forget)

    def write(self, display: RunDisplay, findings: Findings) -> None:
        """Keep what a run has found, for the layers that it has added."""
        self._runs.append(display.added())
        for layer in display.added():
            self._entries[str(layer.unique_id)] = _Entry(findings, display)

    def findings(self, layer: Layer | None) -> Findings | None:
        """Return what is known of a layer; None where it is no result."""
        if layer is None:
            return None
        entry = self._entries.get(str(layer.unique_id))
        if entry is None:
            return found_in_record(layer)
        restored = entry.display.restored()
        # As the layer is called now.
        return entry.findings if restored is None else replace(entry.findings, name=str(restored.name))

    def display(self, layer: Layer | None) -> RunDisplay | None:
        """Return the run that a layer is of; None where it is not of this session."""
        entry = None if layer is None else self._entries.get(str(layer.unique_id))
        return None if entry is None else entry.display

    def image_of(self, layer: Layer) -> Layer | None:
        """Return the image that a layer is the result of; None where it, as it was, is not in the viewer."""
        display = self.display(layer)
        if display is not None:
            image = display.image() if display.has_its_image() else None
            return image if image is not None and _is_alike(self.result_of(layer), image) else None
        record: Any = layer.metadata.get(METADATA_KEY)
        source = record.get("input") if isinstance(record, Mapping) else None
        name = source.get("layer") if isinstance(source, Mapping) else None
        named = [other for other in self._viewer.layers if other.name == name and other != layer]
        return next((other for other in named if _is_alike(layer, other)), None)

    def last(self) -> list[Layer]:
        """Return the layers of the last run that has some in the viewer."""
        return next((found for run in reversed(self._runs) if (found := self._there(run))), [])

    def take_back(self) -> list[str]:
        """Remove the layers of the last run that has some in the viewer; return their names."""
        layers = self.last()
        for layer in layers:
            self._viewer.layers.remove(layer)
        return [str(layer.name) for layer in layers]

    def result_of(self, layer: Layer) -> Layer:
        """Return the restored image of the run that a layer is of; the layer itself where that is not known."""
        display = self.display(layer)
        restored = None if display is None else display.restored()
        return layer if restored is None else restored

    def _forget(self, event: Any = None) -> None:
        there = {str(layer.unique_id) for layer in self._viewer.layers}
        self._entries = {known: entry for known, entry in self._entries.items() if known in there}
        # What was removed is not kept in memory for being undone.
        self._runs = [found for run in self._runs if (found := self._there(run))]

    def _there(self, layers: list[Layer]) -> list[Layer]:
        return [layer for layer in layers if layer in self._viewer.layers]


def _is_alike(result: Layer, image: Layer) -> bool:
    """Tell whether a result may be that of an image: a name, or another array under it, may have come since."""
    from napari.layers import Image

    shapes = [full_resolution(layer).shape[: layer.ndim] for layer in (result, image) if isinstance(layer, Image)]
    return len(shapes) == 2 and shapes[0] == shapes[1]
