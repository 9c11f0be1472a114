"""What the chosen layer says about itself, filled into the forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.deblur.axes_form import AxesForm
from napari_deepblur.widgets.deblur.layer_form import LayerForm
from napari_deepblur.widgets.deblur.settings_forms import SettingsForms
from napari_deepblur.widgets.layer_acquisition import known_pixel_size, layer_acquisition_or_reason
from napari_deepblur.widgets.layers import (
    PixelSize,
    full_resolution,
    layer_axes,
    pixel_size,
    plane_spacing_um,
    refusal,
    shown_name,
    stated_microscope,
)

if TYPE_CHECKING:
    from napari.layers import Layer


class LayerFacts(QObject):
    """Fills in axes, optics, pixel size and channels of the chosen layer, and again whenever it says otherwise.

    Parameters
    ----------
    layer
        Chooses the layer.
    axes, settings
        What is filled in.
    parent
        Parent object.
    """

    changed = Signal()
    """The forms were filled in."""

    def __init__(
        self, layer: LayerForm, axes: AxesForm, settings: SettingsForms, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._form, self._axes, self._settings = layer, axes, settings
        self._known: Layer | None = None
        self._connections = Connections(self)
        layer.valueChanged.connect(self.update)
        axes.valueChanged.connect(self._measure)
        axes.axesChanged.connect(self._find_spacing)

    def pixel_size(self) -> PixelSize | None:
        """Return the size of a pixel that the layer states; None where there is no layer."""
        return None if self._known is None else pixel_size(self._known, self._planar_axes())

    def update(self) -> None:
        """Ask the chosen layer."""
        layer = self._form.value()
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        if layer != self._known:
            for name in ("scale", "units", "axis_labels"):
                if self._known is not None:
                    self._connections.disconnect(getattr(self._known.events, name))
                if layer is not None:
                    slot = self._find_axes if name == "axis_labels" else self._rescaled
                    self._connections.connect(getattr(layer.events, name), slot)
            self._known = layer
            self._find_axes()
            if layer is not None:
                self._find_optics(layer)
        self.changed.emit()

    def _find_optics(self, layer: Layer) -> None:
        stated = stated_microscope(layer)
        taken, reason = layer_acquisition_or_reason(layer)
        self._count_channels(taken.wavelengths_um)
        form = self._settings.microscope
        if stated is not None:
            form.setValue(stated)
            size = pixel_size(layer, self._planar_axes())
        else:
            form.setAcquisition(taken, reason)
            size = known_pixel_size(layer, self._planar_axes(), taken)
        remark = size.remark
        if stated is not None and size.level == "note":
            remark = f"Microscope and pixel size from {shown_name(layer.name)}."
        form.setPixelSize(size.size_um, remark, size.level)

    def _find_axes(self) -> None:
        layer = self._known
        if layer is None or refusal(layer):
            self._axes.setAxes("YX", ())
        else:
            self._axes.setAxes(layer_axes(layer), full_resolution(layer).shape)
        self._find_spacing()

    def _find_spacing(self) -> None:
        """Fill in the distance of the planes."""
        layer = self._known
        if layer is not None and not refusal(layer):
            self._axes.setPlaneSpacing(plane_spacing_um(layer, self._axes.value().axes))

    def _rescaled(self) -> None:
        """Fill in what follows from scale and units."""
        self._find_spacing()
        self._measure()

    def _measure(self) -> None:
        """Fill in the pixel size, and what depends on the names of the axes."""
        size = self.pixel_size()
        if size is not None:
            self._settings.microscope.setPixelSize(*size)
            self._count_channels()
        self.changed.emit()

    def _count_channels(self, known_um: Sequence[float | None] = ()) -> None:
        """Ask for as many wavelengths as there are channels."""
        layer, axes = self._known, self._axes.value().axes
        several = layer is not None and "C" in axes
        count = int(full_resolution(layer).shape[axes.index("C")]) if several else 0
        self._settings.channels.setChannels(count, known_um)

    def _planar_axes(self) -> str | None:
        layer, axes = self._known, self._axes.value().axes.removesuffix("S")
        return axes if layer is not None and len(axes) == layer.ndim else None
