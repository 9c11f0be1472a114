"""One word beside a number: where it is from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_deepblur.widgets.origins import Origin

_TIPS: dict[Origin, str] = {
    "file": "Stated by the file or the layer",
    "typed": "Typed for this image",
    "preset": "Of a named microscope",
    "assumed": "Stated by nobody: results that rest on it say so. Check it",
}

_ASSUMED = "⚠ assumed"


class OriginTag(QLabel):
    """Shows an origin; one that was assumed stands out.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("origin")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self._origin: Origin = "assumed"
        self.setValue("assumed")

    def value(self) -> Origin:
        """Return what is shown."""
        return self._origin

    def setValue(self, origin: Origin, where: str = "") -> None:
        """Show where a number is from; `where` is the name of the file, the preset or the image before."""
        self._origin = origin
        self.setText(_ASSUMED if origin == "assumed" else origin)
        self.setToolTip(f"{_TIPS[origin]}{': ' if where else ''}{where}.")
        self.setProperty("level", "warning" if origin == "assumed" else "note")
        style = self.style()
        if style is not None:
            style.polish(self)

    # As wide as the widest word, so that the boxes beside are alike. Not fixed: the theme may change the letters.

    def sizeHint(self) -> QSize:
        """Return the size of the widest word."""
        return QSize(self.fontMetrics().horizontalAdvance(f"{_ASSUMED} "), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Return the size of the widest word."""
        return self.sizeHint()
