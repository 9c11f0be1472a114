"""The switch of the preview, and what there is to say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_deepblur.errors import DeepblurError
from napari_deepblur.pipeline.preview import Preview
from napari_deepblur.widgets.deblur.preview import Ask, Previewer
from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PreviewForm(QWidget):
    """Switch the preview on and off.

    Parameters
    ----------
    viewer
        The napari viewer.
    ask
        Returns what a run would be given now; None while there can be none. A `DeepblurError` is shown.
    parent
        Parent widget.
    """

    shown = Signal(object)
    """The `Deblurring` of a preview that is in the viewer now."""

    def __init__(self, viewer: Viewer, ask: Ask, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ask = ask
        self._previewer = Previewer(viewer, self)
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
        self._box.toggled.connect(self._switch)
        self._previewer.ready.connect(self._describe)
        self._previewer.failed.connect(self._fail)

    def value(self) -> bool:
        """Return whether a preview is wanted."""
        return self._box.isChecked()

    def setValue(self, wanted: bool) -> None:
        """Switch it."""
        self._box.setChecked(wanted)

    def update_preview(self, *_: object) -> None:
        """Look again soon, because something has changed."""
        self._previewer.update()

    def pause(self) -> None:
        """Compute nothing until `update_preview`; what is shown stays."""
        self._previewer.pause()

    def _switch(self, wanted: bool) -> None:
        self._notice.clear()
        if wanted:
            self._previewer.follow(self._ask)
        else:
            self._previewer.close()

    def _describe(self, preview: Preview) -> None:
        height, width = preview.region.shape
        self._notice.say(
            f"{height} x {width} pixels from row {preview.region.top}, column {preview.region.left}. A run identifies "
            "the blur on the whole image."
        )
        self.shown.emit(preview.result)

    def _fail(self, error: Exception) -> None:
        self._notice.say(str(error) if isinstance(error, DeepblurError) else f"No preview: {error}", "error")
