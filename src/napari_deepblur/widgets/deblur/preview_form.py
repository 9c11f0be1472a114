"""The switch of the preview, and what there is to say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_deepblur.widgets.deblur.method_comparison import MethodComparison
from napari_deepblur.widgets.deblur.preview import Previewer
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_deepblur.identification.results import Identification
    from napari_deepblur.pipeline.preview import Region
    from napari_deepblur.widgets.deblur.findings import Findings
    from napari_deepblur.widgets.deblur.previewed import Previewed, Request
    from napari_deepblur.widgets.deblur.wanted import Ask

_PURPOSE = (
    "Deblur the visible part of the image, or the selected rectangle of a Shapes layer, with these settings, and again "
    "whenever something changes. As a volume: all planes of a small part, whose pupil takes a minute to find."
)


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

    valueChanged = Signal()
    """What is shown, or whether it is outdated, has changed."""

    def __init__(self, viewer: Viewer, ask: Ask, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ask = ask
        self._findings: Findings | None = None
        self._outdated = False
        self._previewer = Previewer(viewer, self)
        self._box = QCheckBox("Preview", self)
        self._box.setObjectName("preview")
        self._box.setToolTip(_PURPOSE)
        self.setFocusProxy(self._box)
        self._notice = Notice(self)
        self._notice.setObjectName("preview_notice")
        self._compare = MethodComparison(viewer, self.shown, self)
        self._compare.setVisible(False)
        self._compare.said.connect(self._notice.say)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self._box)
        row.addWidget(self._compare)
        row.addStretch(1)
        layout.addLayout(row)
        self._box.toggled.connect(self._switch)
        self._previewer.started.connect(self._start)
        self._previewer.ready.connect(self._describe)
        self._previewer.waiting.connect(self._wait)
        self._previewer.failed.connect(self._fail)

    def notice(self) -> Notice:
        """Return what is said about the preview, to be put where there is the width of a dock for it."""
        return self._notice

    def value(self) -> bool:
        """Return whether a preview is wanted."""
        return self._box.isChecked()

    def setValue(self, wanted: bool) -> None:
        """Switch it."""
        self._box.setChecked(wanted)

    def findings(self) -> Findings | None:
        """Return what was found in the part that is shown; None where none is."""
        return self._findings

    def is_outdated(self) -> bool:
        """Tell whether what is shown is being computed again."""
        return self._outdated

    def layer(self) -> Layer | None:
        """Return the layer that is shown; None where there is none."""
        return self._previewer.layer()

    def shown(self) -> tuple[Request, list[Identification | None]] | None:
        """Return what is shown, and what was identified for it; None where nothing is, or it is outdated."""
        return self._previewer.shown()

    def update_preview(self, *_: object) -> None:
        """Look again soon, because something has changed."""
        self._previewer.update()

    def pause(self) -> None:
        """Compute nothing until `update_preview`; what is shown stays."""
        self._previewer.pause()

    def _switch(self, wanted: bool) -> None:
        self._notice.clear()
        self._compare.setVisible(False)
        if wanted:
            self._previewer.follow(self._ask)
        else:
            self._compare.cancel()
            self._notice.clear()
            self._previewer.close()
            self._show(None)

    def _start(self, region: Region) -> None:
        self._notice.say(f"Computing {_in_words(region)}…")
        self._show(self._findings, outdated=True)

    def _wait(self) -> None:
        self._notice.say("Outdated: it goes on when the forms describe a run." * (self.layer() is not None))
        self._compare.setVisible(False)
        self._show(self._findings, outdated=True)

    def _describe(self, previewed: Previewed) -> None:
        self._notice.say(previewed.words)
        layer = self.layer()
        # Not whether nothing is on its way: adding the layer has made it look again.
        self._compare.setVisible(self._previewer.is_of_planes())
        self._show(previewed.findings("" if layer is None else str(layer.name)))

    def _fail(self, error: Exception) -> None:
        self._notice.say(told(error, "There is no preview."), "error")
        self._show(None)

    def _show(self, findings: Findings | None, outdated: bool = False) -> None:
        self._findings, self._outdated = findings, outdated
        self.valueChanged.emit()


def _in_words(region: Region) -> str:
    height, width = region.shape
    return f"{height} x {width} pixels from row {region.top}, column {region.left}"
