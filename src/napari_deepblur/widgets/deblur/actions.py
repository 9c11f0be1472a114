"""The row of what there is beside a run: the preview, live mode, many images, and the More menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.widgets.deblur.batch import layers_of
from napari_deepblur.widgets.deblur.batch_dialog import BatchDialog, chosen_files
from napari_deepblur.widgets.deblur.live_dialog import LiveDialog

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.widgets.colours import Colours
    from napari_deepblur.widgets.deblur.preview_form import PreviewForm
    from napari_deepblur.widgets.deblur.result_book import ResultBook
    from napari_deepblur.widgets.deblur.wanted import Ask, AskForms


class ActionsRow(QWidget):
    """Puts the preview, Live, the Batch menu and the More menu beside one another.

    Parameters
    ----------
    viewer
        The napari viewer.
    ask
        Returns what a run would be given now.
    forms
        Returns what the forms describe, whatever the image.
    book
        Keeps what is found of layers.
    preview, more
        The first and the last of the row.
    parent
        The dock.
    """

    def __init__(
        self,
        viewer: Viewer,
        ask: Ask,
        forms: AskForms,
        book: ResultBook,
        preview: PreviewForm,
        more: QWidget,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._batch = BatchDialog(viewer, ask, forms, book, parent)
        self._live = LiveDialog(viewer, ask, parent)
        live = QPushButton("Live…", self)
        live.setObjectName("live")
        live.setToolTip("Follow the image while it changes, or a camera: the newest frame deblurred, again and again.")
        live.clicked.connect(self._live.open)
        self._button = QPushButton("Batch", self)
        self._button.setObjectName("batch")
        self._button.setToolTip("Deblur many images with these settings: all layers, or files.")
        menu = QMenu(self._button)
        menu.setToolTipsVisible(True)
        for name, title, tip in (
            ("layers", "All layers…", "Every image in the list of layers; results become layers."),
            ("files", "Files…", "Image files; results become files in a folder, with a report."),
        ):
            entry = menu.addAction(title)
            assert entry is not None
            entry.setObjectName(name)
            entry.setToolTip(tip)
        menu.triggered.connect(self._chosen)
        menu.aboutToShow.connect(self._update_entries)
        self._button.setMenu(menu)
        layout, row = QVBoxLayout(self), QHBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        # Beside the buttons a sentence would have a third of the width, and be cut.
        layout.addWidget(preview.notice())
        row.addWidget(preview, stretch=1)
        # A widget that only holds others has no place in the order itself.
        held = preview.findChildren(QPushButton)
        before: QWidget = held[-1] if held else preview
        for button in (live, self._button, more):
            row.addWidget(button, alignment=Qt.AlignmentFlag.AlignTop)
            # As one reads, whoever was made first.
            QWidget.setTabOrder(before, button)
            before = button

    def stop(self) -> None:
        """Stop what goes on, because the dock is closed."""
        self._batch.cancel()
        self._live.stop()
        for window in (self._batch, self._live):
            window.hide()

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._batch.setColours(colours)
        self._live.setColours(colours)

    def _update_entries(self) -> None:
        """Offer only what can be done."""
        menu = self._button.menu()
        assert menu is not None
        for entry in menu.actions():
            if entry.objectName() == "layers":
                entry.setEnabled(bool(layers_of(self._viewer)))

    def _chosen(self, entry: QAction) -> None:
        if entry.objectName() == "layers":
            self._batch.openLayers()
        else:
            self._batch.openFiles(chosen_files(self))
