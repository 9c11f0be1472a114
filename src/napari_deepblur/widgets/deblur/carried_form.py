"""Settings that have no form of their own, carried along from a layer or a file until they are cleared."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_deepblur.pipeline.options import as_options, option
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.notice import Notice

_WORDS = {
    "theta": "known coefficients",
    "psf_size": "PSF of {} pixels",
    "rank": "{} terms",
    "iterations": "{} iterations",
    "tile": "tiles of {} pixels",
}
"""How values are called; others by the title of their option."""

_OWN_FORMS = ("microscope", "channel_wavelengths_um", "assumed")
"""What has a form, and is no option."""


class CarriedForm(QWidget):
    """Say which settings are used beside those of the other forms; hidden where there are none.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """Settings were taken over or cleared."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, Any] = {}
        self._method = ""
        self._notice = Notice(self)
        self._notice.setObjectName("carried")
        self._button = QPushButton("Clear", self)
        self._button.setObjectName("clear_carried")
        self._button.setToolTip("Use the defaults in place of these settings: identify the blur, choose sizes by rule.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._notice)
        layout.addWidget(self._button)
        self._button.clicked.connect(self.clear)
        self.hide()

    def value(self, method: str) -> dict[str, Any]:
        """Return options that are not the default, for this method."""
        same = method == self._method
        return {name: value for name, value in self._values.items() if same or option(name).part != "restore"}

    def setValue(self, settings: DeblurSettings, shown: Container[str] = ()) -> None:
        """Take over what the other forms cannot show: all options that are not among those that are `shown`."""
        self._values = {
            name: value
            for name, value in as_options(settings).items()
            if name not in shown and name not in _OWN_FORMS and value != option(name).default
        }
        self._method = settings.restore.method
        words = [_in_words(name, value) for name, value in self._values.items()]
        self._notice.say(f"Also used: {', '.join(words)}.") if words else self._notice.clear()
        self.setVisible(bool(words))
        self.valueChanged.emit()

    def clear(self) -> None:
        """Forget all of it."""
        self.setValue(DeblurSettings())


def _in_words(name: str, value: Any) -> str:
    if name == "tile" and value is None:
        return "whole image at once"
    title, unit = option(name).title, option(name).unit
    shown = (
        " x ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else value
    )
    return _WORDS.get(name, f"{title} {{}} {unit}".rstrip()).format(shown)
