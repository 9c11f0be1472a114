"""What the chosen layer says about itself, filled into the forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QObject, Signal

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.layer_acquisition import (
    channel_of_layer,
    known_axes,
    known_pixel_size,
    known_spacing_um,
    layer_acquisition_or_reason,
    recorded_origins,
)
from napari_deepblur.widgets.layers import (
    PixelSize,
    full_resolution,
    pixel_size,
    refusal,
    shown_name,
    stated_microscope,
)
from napari_deepblur.widgets.origins import NOWHERE, Place

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_deepblur.widgets.deblur.axes_form import AxesForm
    from napari_deepblur.widgets.deblur.layer_form import LayerForm
    from napari_deepblur.widgets.deblur.settings_forms import SettingsForms
    from napari_deepblur.widgets.origins import Origin


_SAYS = ("scale", "units", "axis_labels", "rotate", "shear", "affine")
"""Events of a layer that says something else of its pixels."""


class _Said(NamedTuple):
    """What was filled in because the chosen layer, or its file, says so."""

    axes: str = ""
    spacing_um: float = 0.0
    of_planes: float | None = None
    size: PixelSize | None = None


class _Given(NamedTuple):
    """What the user has given for a layer: optics, names of axes, the distance of planes, and of channels."""

    optics: dict[str, tuple[float, Origin, Place]]
    shape: tuple[int, ...]
    axes: str
    spacing_um: float | None
    channels: str


class LayerFacts(QObject):
    """Fills in axes, optics, pixel size and channels of the chosen layer, and again whenever it says otherwise.

    What the user has typed for a layer comes back with it, and does not go with another.

    Parameters
    ----------
    viewer
        The napari viewer, of whose layers several may be of one file.
    layer
        Chooses the layer.
    axes, settings
        What is filled in.
    parent
        Parent object.
    """

    changed = Signal()
    """The forms were filled in."""
    chosen = Signal()
    """Another layer was chosen than before."""

    def __init__(
        self,
        viewer: Viewer,
        layer: LayerForm,
        axes: AxesForm,
        settings: SettingsForms,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._form, self._axes, self._settings = layer, axes, settings
        self._known: Layer | None = None
        self._taken, self._reason = Acquisition(), ""
        self._shape: tuple[int, ...] = ()
        self._said = _Said()
        self._given: dict[str, _Given] = {}
        self._filling = False
        self._connections = Connections(self)
        layer.valueChanged.connect(self.update)
        axes.valueChanged.connect(self._renamed)
        axes.axesChanged.connect(self._find_spacing)
        self._connections.connect(viewer.layers.events.removed, self._forget)
        self._connections.connect(viewer.layers.events.renamed, self._follow_names)

    def pixel_size(self) -> PixelSize | None:
        """Return the size of a pixel that the layer states; None where there is no layer."""
        return None if self._known is None else pixel_size(self._known, self._planar_axes())

    def is_filling(self) -> bool:
        """Tell whether forms are being filled in: what they say together is known when `changed` comes."""
        return self._filling

    def withdraw_preset(self) -> None:
        """Take back that the numbers are of a named microscope: what the layer states comes back, others are assumed.

        What was typed since stays.
        """
        form = self._settings.microscope
        given = form.given()
        names = {place.name for _, origin, place in given.values() if origin == "preset"}
        if not names:
            return
        before = Place(f"'{names.pop()}'")
        if self._known is None:
            form.assumeAll(before)
        else:
            self._state_optics(self._known, before)
        form.setGiven({name: number for name, number in given.items() if number[1] == "typed"})

    def update(self) -> None:
        """Ask the chosen layer."""
        self._filling = True
        try:
            self._ask()
        finally:
            self._filling = False
        self.changed.emit()

    def _ask(self) -> None:
        layer = self._form.value()
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        if layer != self._known:
            before = self._known
            for name in _SAYS:
                if before is not None:
                    self._connections.disconnect(getattr(before.events, name))
                if layer is not None:
                    slot = self._find_axes if name == "axis_labels" else self._rescaled
                    self._connections.connect(getattr(layer.events, name), slot)
            if before is not None:
                self._given[str(before.unique_id)] = self._given_for()
            self._known = layer
            self._taken, self._reason = (Acquisition(), "") if layer is None else layer_acquisition_or_reason(layer)
            self._find_axes()
            if layer is not None:
                self._find_optics(layer, NOWHERE if before is None else _place_of(before))
                self._give_again(self._given.get(str(layer.unique_id)))
            self.chosen.emit()
        elif layer is not None and full_resolution(layer).shape != self._shape:
            # Another array: names of axes that were chosen for the one before say nothing about it.
            self._find_axes()
            self._count_channels()
            self._rescaled()

    def _given_for(self) -> _Given:
        """Return what the user has given for the chosen layer, beside what it says itself."""
        choice, said = self._axes.value(), self._said
        return _Given(
            self._settings.microscope.given(),
            self._shape,
            choice.axes if choice.axes != said.axes else "",
            choice.plane_spacing_um if choice.plane_spacing_um != said.spacing_um else None,
            self._settings.channels.text(),
        )

    def _give_again(self, given: _Given | None) -> None:
        """Fill in what the user has given for a layer before."""
        if given is None:
            return
        self._settings.microscope.setGiven(given.optics)
        if given.shape == self._shape:
            choice = self._axes.value()
            axes = given.axes or choice.axes
            spacing = choice.plane_spacing_um if given.spacing_um is None else given.spacing_um
            self._axes.setValue(choice._replace(axes=axes, plane_spacing_um=spacing))
            self._settings.channels.setText(given.channels)

    def _find_optics(self, layer: Layer, before: Place) -> None:
        """Fill in what the layer states, then what the user has typed for it before."""
        # Wavelengths of another image's channels are none of this one's.
        self._settings.channels.setText("")
        self._count_channels(self._taken.wavelengths_um)
        self._state_optics(layer, before)

    def _state_optics(self, layer: Layer, before: Place) -> None:
        """Fill in what the layer states; what it does not is assumed."""
        stated = stated_microscope(layer)
        form = self._settings.microscope
        if stated is not None:
            form.setValue(stated, recorded_origins(layer), _place_of(layer))
        else:
            channel = channel_of_layer(layer, list(self._viewer.layers), self._taken)
            form.setAcquisition(self._taken, self._reason, channel, before)
        form.setPixelSize(*self._stated_size(layer))
        self._said = self._said._replace(size=known_pixel_size(layer, self._planar_axes(), self._taken))

    def _stated_size(self, layer: Layer) -> PixelSize:
        """Return the pixel size that a layer states, or its file."""
        if stated_microscope(layer) is None:
            return known_pixel_size(layer, self._planar_axes(), self._taken)
        size = pixel_size(layer, self._planar_axes())
        if size.level != "note":
            return size
        return size._replace(remark=f"Microscope and pixel size from {shown_name(layer.name)}.")

    def _follow_names(self, event: object = None) -> None:
        """Call layers in the forms as they are called now."""
        names = {str(layer.unique_id): shown_name(layer.name) for layer in self._viewer.layers}
        layer = self._known
        remark = "" if layer is None else self._stated_size(layer).remark
        self._settings.microscope.setNames(names, remark)
        if layer is not None and self._said.size is not None:
            now = known_pixel_size(layer, self._planar_axes(), self._taken).remark
            self._said = self._said._replace(size=self._said.size._replace(remark=now))

    def _find_axes(self) -> None:
        layer = self._known
        self._shape = () if layer is None else tuple(full_resolution(layer).shape)
        if layer is None or refusal(layer):
            self._axes.setAxes("YX", ())
        else:
            try:
                axes = known_axes(layer, self._taken)
            except ImageError:
                # The layer's refusal says so.
                axes = "YX"
            self._axes.setAxes(axes, full_resolution(layer).shape)
        self._said = self._said._replace(axes=self._axes.value().axes)
        self._find_spacing()

    def _find_spacing(self) -> None:
        """Fill in the distance of the planes."""
        layer = self._known
        if layer is not None and not refusal(layer):
            known = known_spacing_um(layer, self._axes.value().axes, self._taken)
            self._axes.setPlaneSpacing(known)
            self._said = self._said._replace(spacing_um=self._axes.value().plane_spacing_um, of_planes=known)

    def _rescaled(self) -> None:
        """Fill in what follows from scale and units; what was given stays where they say what they said before."""
        layer = self._known
        if layer is None:
            return
        axes = self._axes.value().axes
        if known_spacing_um(layer, axes, self._taken) != self._said.of_planes:
            self._find_spacing()
        if known_pixel_size(layer, self._planar_axes(), self._taken) != self._said.size:
            self._measure()
        else:
            self.changed.emit()

    def _renamed(self) -> None:
        """Fill in what follows from the names of the axes; a pixel size that the user has given stays."""
        form = self._settings.microscope
        given = {name: number for name, number in form.given().items() if name == "pixel_size_um"}
        self._measure()
        form.setGiven(given)

    def _measure(self) -> None:
        """Fill in the pixel size, and the number of channels."""
        layer = self._known
        if layer is not None:
            size = known_pixel_size(layer, self._planar_axes(), self._taken)
            self._settings.microscope.setPixelSize(*size)
            self._said = self._said._replace(size=size)
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

    def _forget(self, event: object = None) -> None:
        there = {str(layer.unique_id) for layer in self._viewer.layers}
        self._given = {known: given for known, given in self._given.items() if known in there}


def _place_of(layer: Layer) -> Place:
    return Place(shown_name(layer.name), str(layer.unique_id))
