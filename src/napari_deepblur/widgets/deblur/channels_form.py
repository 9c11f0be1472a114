"""The wavelengths of an image's channels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFormLayout, QLineEdit, QWidget

from napari_deepblur.errors import SettingsError
from napari_deepblur.optics.microscope import WAVELENGTHS_UM
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.number_box import length_um


class ChannelsForm(QWidget):
    """Give each channel its own emission wavelength; hidden where there are no channels.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """The wavelengths have changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._count = 0
        self._field = QLineEdit(self)
        self._field.setObjectName("channel_wavelengths")
        self._field.setPlaceholderText("the same for all")
        self._field.setToolTip(
            "Emission wavelength of each channel, as 0.45, 0.525 or 450 nm, 525 nm; where this is empty, all channels "
            "have the wavelength of the microscope."
        )
        self._notice = Notice(self)
        self._notice.setObjectName("channels_notice")
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addRow("Channels (µm)", self._field)
        self._layout.addRow(self._notice)
        self._field.textChanged.connect(self._changed)
        self.hide()

    def value(self) -> tuple[float, ...] | None:
        """Return the wavelengths in micrometres; None where the channels share one, or there are none.

        Raises
        ------
        SettingsError
            If there is not one number for each channel.
        """
        text = self._field.text().strip()
        if not text or not self._count:
            return None
        known = [length_um(part) for part in _parts(text)]
        found = tuple(part for part in known if part is not None)
        if len(found) != len(known):
            raise SettingsError(f"Channels: {text!r} are no wavelengths, expected such as 0.45, 0.525.")
        if len(found) != self._count:
            raise SettingsError(
                f"{len(found)} wavelengths for {self._count} channels: give one for each, or none where all are alike."
            )
        return found

    def text(self) -> str:
        """Return what stands in the field, be it wavelengths or not."""
        return str(self._field.text())

    def setText(self, text: str) -> None:
        """Write into the field."""
        self._field.setText(text)

    def setValue(self, wavelengths_um: Sequence[float] | None) -> None:
        """Show wavelengths."""
        self._field.setText(", ".join(f"{value:g}" for value in wavelengths_um or ()))

    def setChannels(self, count: int, known_um: Sequence[float | None] = ()) -> None:
        """Show that there are so many channels.

        Parameters
        ----------
        count
            Their number; 0 where there is no axis of channels.
        known_um
            Wavelengths that the image states; used where there is one for each channel, and they differ.
        """
        if count != self._count:
            with QSignalBlocker(self._field):
                self._field.clear()
        self._count = count
        stated = [value for value in known_um if value is not None]
        if len(stated) == count and len(set(stated)) > 1:
            self.setValue(stated)
        self.setVisible(count > 1)
        self._changed()

    def _changed(self) -> None:
        low, high = WAVELENGTHS_UM
        try:
            odd = [found for found in self.value() or () if not low <= found <= high]
            asked = f"A wavelength of {odd[0]:g} µm?" if odd else ""
            self._notice.say(asked and f"{asked} Light has {low:g} to {high:g} µm: write 450 nm, or 0.45.", "warning")
        except SettingsError as error:
            self._notice.say(str(error), "error")
        self.valueChanged.emit()


def _parts(text: str) -> list[str]:
    """Part wavelengths by semicolons, else by commas with a space behind them, else by any: some write 0,45."""
    mark = ";" if ";" in text else r",\s+" if re.search(r",\s", text) else ","
    return re.split(mark, text)
