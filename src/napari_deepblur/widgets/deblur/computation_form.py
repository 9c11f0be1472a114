"""How, and on which device, the image is restored."""

from __future__ import annotations

import os
from typing import NamedTuple, get_args

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_deepblur.devices import DEVICE_VARIABLE, available_devices
from napari_deepblur.pipeline.parts import Method
from napari_deepblur.widgets.preferences import follow_preferences

_METHODS = {
    "network": "unrolled network",
    "richardson-lucy": "Richardson-Lucy",
    "total-variation": "total variation",
    "wiener": "Wiener",
}
"""How the methods are called; those without an entry go by their own name."""

_SIZES = (
    ("auto", "automatic"),
    ("light", "light (for processors)"),
    ("paper", "paper (for GPUs)"),
)


class Computation(NamedTuple):
    """How to compute.

    Attributes
    ----------
    method
        Restoration method.
    size
        Size of the networks.
    device
        Device name as torch writes it, or ``"auto"``.
    """

    method: str = "network"
    size: str = "auto"
    device: str = "auto"


class ComputationForm(QWidget):
    """Choose restoration method, size of the networks, and device.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """A choice has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # They say what "automatic" is.
        follow_preferences()
        self._method = _combo_box(self, "method", "How the blur is removed once it is known.")
        self._size = _combo_box(
            self,
            "size",
            "Size of the networks, that which identifies the blur included. Automatic: the smallest that is installed.",
        )
        self._device = _combo_box(
            self,
            "device",
            "Where to compute. Automatic: as in the preferences, else the first GPU that works, else the processor.",
        )
        for name in get_args(Method):
            self._method.addItem(_METHODS.get(name, name), name)
        for name, title in _SIZES:
            self._size.addItem(title, name)
        devices = available_devices()
        # Its name alone: threads and free memory stand in the line of the device itself.
        self._device.addItem(f"automatic: {_automatic(dict(devices)).split(' (')[0]}", "auto")
        for name, title in devices:
            self._device.addItem(title, name)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Method", self._method)
        layout.addRow("Network", self._size)
        layout.addRow("Device", self._device)
        for combo in (self._method, self._size, self._device):
            combo.currentIndexChanged.connect(self.valueChanged)

    def value(self) -> Computation:
        """Return the choices."""
        return Computation(*(str(combo.currentData()) for combo in (self._method, self._size, self._device)))

    def setValue(self, value: Computation) -> None:
        """Choose; a device that is not here is added, and refused with a reason when it is used."""
        for combo, name in zip((self._method, self._size, self._device), value, strict=True):
            row = combo.findData(name)
            if row < 0:
                combo.addItem(name, name)
                row = combo.count() - 1
            combo.setCurrentIndex(row)


def _automatic(devices: dict[str, str]) -> str:
    """Return what stands for "automatic" here, as people call it; what is not here is refused when it is used."""
    name = os.environ.get(DEVICE_VARIABLE) or next((name for name in devices if name != "cpu"), "cpu")
    return devices.get(name, name)


def _combo_box(parent: QWidget, name: str, tooltip: str) -> QComboBox:
    combo = QComboBox(parent)
    combo.setObjectName(name)
    combo.setToolTip(tooltip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(14)
    return combo
