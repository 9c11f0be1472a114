"""The forms that make up `DeblurSettings`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_deepblur.pipeline.options import as_options
from napari_deepblur.pipeline.settings import ASSUMABLE, ZERNIKE_FAMILIES, DeblurSettings
from napari_deepblur.widgets.deblur.carried_form import CarriedForm
from napari_deepblur.widgets.deblur.channels_form import ChannelsForm
from napari_deepblur.widgets.deblur.computation_form import computation_form, restoration_form, show_devices
from napari_deepblur.widgets.deblur.family_form import FamilyChoice, FamilyForm
from napari_deepblur.widgets.deblur.noise_form import noise_form
from napari_deepblur.widgets.microscope_form import MicroscopeForm

if TYPE_CHECKING:
    from napari_deepblur.pipeline.named_microscopes import NamedMicroscope
    from napari_deepblur.widgets.origins import Origin
    from napari_deepblur.widgets.part_form import PartForm


class SettingsForms(QObject):
    """Several forms, one value.

    Parameters
    ----------
    parent
        The widget that the forms will belong to.
    """

    valueChanged = Signal()
    """Something has changed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.microscope = MicroscopeForm(parent)
        self.channels = ChannelsForm(parent)
        self._family = FamilyForm(parent)
        self._noise = noise_form(parent)
        self._restore = restoration_form(parent)
        self._compute = computation_form(parent)
        self._carried = CarriedForm(parent)
        for form in self.forms():
            form.valueChanged.connect(self.valueChanged)

    def forms(self) -> tuple[MicroscopeForm | ChannelsForm | FamilyForm | PartForm | CarriedForm, ...]:
        """Return the forms from top to bottom."""
        parts = (self._noise, self._restore, self._compute)
        return self.microscope, self.channels, self._family, *parts, self._carried

    def value(self) -> DeblurSettings:
        """Return the settings in the forms.

        Raises
        ------
        DeepblurError
            If they contradict each other or physics.
        """
        family, restore = self._family.value(), self._restore.value()
        origins = self.origins()
        settings = DeblurSettings(
            assumed=tuple(name for name in ASSUMABLE if origins.get(name) == "assumed"),
            microscope=self.microscope.value(),
            # A calibrated family was measured at one.
            channel_wavelengths_um=self.channels.value() if family.family in ZERNIKE_FAMILIES else None,
            **family._asdict(),
            noise=self._noise.value(),
            restore=restore,
            compute=self._compute.value(),
        )
        return settings.replace(**self._carried.value(restore.method))

    def setDevices(self, devices: Sequence[tuple[str, str]]) -> None:
        """List the devices of this machine, once they are known."""
        show_devices(self._compute, devices)

    def origins(self) -> dict[str, Origin]:
        """Return where each number of the optics is from; none, where a measured blur needs no optics."""
        return self.microscope.origins() if self._family.value().family in ZERNIKE_FAMILIES else {}

    def setMicroscope(self, known: NamedMicroscope) -> None:
        """Show a named microscope, with the blurs and the noise that were saved with it."""
        self.microscope.setPreset(known.microscope, known.name)
        if known.family is not None:
            self._family.setValue(self._family.value()._replace(family=known.family))
        if known.noise is not None:
            self._noise.setValue(known.noise)

    def setValue(self, settings: DeblurSettings) -> None:
        """Fill the forms."""
        if settings.microscope is not None:
            self.microscope.setValue(settings.microscope, dict.fromkeys(settings.assumed, "assumed"))
        self.channels.setValue(settings.channel_wavelengths_um)
        options = as_options(settings)
        # An object in Python: the form says that there is no such file.
        options["family"] = options["family"] or "in memory"
        self._family.setValue(FamilyChoice(**{name: options[name] for name in FamilyChoice._fields if name in options}))
        self._noise.setValue(settings.noise)
        self._restore.setValue(settings.restore)
        self._compute.setValue(settings.compute)
        parts = (self._noise, self._restore, self._compute)
        self._carried.setValue(settings, (*FamilyChoice._fields, *(name for form in parts for name in form.shown())))
