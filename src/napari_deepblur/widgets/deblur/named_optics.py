"""The list of named microscopes and the numbers in the forms, kept in step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_deepblur.errors import DeepblurError
from napari_deepblur.widgets.layers import shown_name, write_pixel_size

if TYPE_CHECKING:
    from napari_deepblur.widgets.deblur.axes_form import AxesForm
    from napari_deepblur.widgets.deblur.layer_facts import LayerFacts
    from napari_deepblur.widgets.deblur.layer_form import LayerForm
    from napari_deepblur.widgets.deblur.preset_form import PresetForm
    from napari_deepblur.widgets.deblur.settings_forms import SettingsForms


class NamedOptics(QObject):
    """Fills in a microscope that is chosen by its name, shows the name while its numbers stand, and takes it back.

    Parameters
    ----------
    presets
        The list.
    layer, axes
        The layer that may be given the pixel size.
    settings
        Where the numbers stand.
    facts
        What the layer says itself.
    parent
        Parent object.
    """

    said = Signal(str, str)
    """Something to be told, and how serious it is."""

    def __init__(
        self,
        presets: PresetForm,
        layer: LayerForm,
        axes: AxesForm,
        settings: SettingsForms,
        facts: LayerFacts,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._presets, self._layer, self._axes, self._settings = presets, layer, axes, settings
        presets.chosen.connect(settings.setMicroscope)
        presets.withdrawn.connect(facts.withdraw_preset)
        presets.scaleRequested.connect(self._write_scale)
        settings.microscope.valueChanged.connect(self._name)

    def _name(self) -> None:
        """Show the name of the microscope only while the numbers are those of it."""
        name = self._settings.microscope.preset()
        if name != self._presets.value():
            self._presets.setValue(name)

    def _write_scale(self) -> None:
        layer, axes = self._layer.value(), self._axes.value().axes.removesuffix("S")
        if layer is None or len(axes) != layer.ndim:
            self.said.emit("There is no layer to write the pixel size to: choose an image.", "warning")
            return
        try:
            size = self._settings.microscope.value().pixel_size_um
        except DeepblurError as error:
            self.said.emit(str(error), "error")
            return
        write_pixel_size(layer, axes, size)
        self.said.emit(f"Pixels of {shown_name(layer.name)} are {size:g} µm now.", "note")
