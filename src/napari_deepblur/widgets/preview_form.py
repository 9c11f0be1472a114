"""Whether a preview is shown, and what there is to say about it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_deepblur.widgets.notice import Level, Notice


class PreviewForm(QWidget):
    """Switch the preview on and off.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """It was switched."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._box = QCheckBox("Preview", self)
        self._box.setObjectName("preview")
        self._box.setToolTip(
            "Deblur the visible part of the image, or the selected rectangle of a Shapes layer, with these settings, "
            "and again whenever something changes."
        )
        self._notice = Notice(self)
        self._notice.setObjectName("preview_notice")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        layout.addWidget(self._notice)
        self._box.toggled.connect(self._switched)

    def value(self) -> bool:
        """Return whether a preview is wanted."""
        return self._box.isChecked()

    def setValue(self, wanted: bool) -> None:
        """Switch it."""
        self._box.setChecked(wanted)

    def say(self, message: str, level: Level = "note") -> None:
        """Show a message below the switch."""
        self._notice.say(message, level)

    def _switched(self) -> None:
        self._notice.clear()
        self.valueChanged.emit()
