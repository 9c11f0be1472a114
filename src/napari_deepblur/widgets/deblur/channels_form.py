"""The wavelengths of an image's channels."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFormLayout, QLineEdit, QWidget

from napari_deepblur.errors import SettingsError
from napari_deepblur.widgets.notice import Notice


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
            "Emission wavelength of each channel in micrometres, as 0.45, 0.525; where this is empty, all channels "
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
        try:
            found = tuple(float(part) for part in text.replace(";", ",").split(","))
        except ValueError:
            raise SettingsError(f"Channels: {text!r} are no wavelengths, expected such as 0.45, 0.525.") from None
        if len(found) != self._count:
            raise SettingsError(
                f"{len(found)} wavelengths for {self._count} channels: give one for each, or none where all are alike."
            )
        return found

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
        try:
            self.value()
            self._notice.clear()
        except SettingsError as error:
            self._notice.say(str(error), "error")
        self.valueChanged.emit()
