"""Settings that have no form of their own, carried along from a layer or a file until they are cleared."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.notice import Notice

_ANY_METHOD = ("theta", "psf_size", "tile")
_ONE_METHOD = ("iterations", "strength")
_TITLES = {
    "theta": "known coefficients",
    "psf_size": "PSF of {} pixels",
    "tile": "tiles of {} pixels",
    "iterations": "{} iterations",
    "strength": "strength {:g}",
}


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
        """Values of `DeblurSettings` that are not the default, for this method."""
        same = method == self._method
        return {name: value for name, value in self._values.items() if same or name not in _ONE_METHOD}

    def setValue(self, settings: DeblurSettings) -> None:
        """Take over what the other forms cannot show."""
        default = DeblurSettings()
        self._values = {
            name: getattr(settings, name)
            for name in (*_ANY_METHOD, *_ONE_METHOD)
            if getattr(settings, name) != getattr(default, name)
        }
        self._method = settings.method
        words = [
            "whole image at once" if name == "tile" and value is None else _TITLES[name].format(value)
            for name, value in self._values.items()
        ]
        self._notice.say(f"Also used: {', '.join(words)}.") if words else self._notice.clear()
        self.setVisible(bool(words))
        self.valueChanged.emit()

    def clear(self) -> None:
        """Forget all of it."""
        self.setValue(DeblurSettings())
