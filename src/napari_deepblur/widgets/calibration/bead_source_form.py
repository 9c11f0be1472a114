"""Which layers and files show beads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_deepblur.widgets.calibration.bead_sources import BeadSource, may_show_beads
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_LINES = 5
"""Rows of the list that are always visible."""

FILE_FILTER = "Images (*.tif *.tiff *.png *.jpg *.jpeg);;All files (*)"


class BeadSourceForm(QWidget):
    """Tick any number of image layers and files; the row that is marked is the one on show.

    The list follows the viewer. What cannot be used stays in it, so that the reason can be shown.

    Parameters
    ----------
    viewer
        The napari viewer.
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """What is ticked has changed."""
    shownChanged = Signal()
    """Another row is marked."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._sources: list[BeadSource] = []
        self._list = QListWidget(self)
        self._list.setObjectName("bead_sources")
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._list.setToolTip(
            "Stacks (z, rows, columns) or single images of beads, all of the same field.\n"
            "All that are ticked are used; the beads of the marked one are shown."
        )
        self._list.setFixedHeight(round(_LINES * 1.45 * self.fontMetrics().height()))
        self._add = QPushButton("Add files…", self)
        self._add.setObjectName("add_files")
        self._add.setToolTip("Calibrate from TIFF files that are not open as layers.")
        self._remove = QPushButton("Remove file", self)
        self._remove.setObjectName("remove_file")
        self._remove.setToolTip("Take the marked file off the list; the file itself stays.")
        self._reason = Notice(self)
        self._reason.setObjectName("bead_source_reason")
        buttons = QHBoxLayout()
        buttons.addWidget(self._add)
        buttons.addWidget(self._remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Images of beads", self))
        layout.addWidget(self._list)
        layout.addLayout(buttons)
        layout.addWidget(self._reason)
        self._list.itemChanged.connect(self._ticked)
        self._list.currentRowChanged.connect(self._marked)
        self._add.clicked.connect(self._ask_for_files)
        self._remove.clicked.connect(self._remove_file)
        self._connections = Connections(self)
        for name in ("inserted", "removed", "reordered", "renamed"):
            self._connections.connect(getattr(viewer.layers.events, name), self._refresh)
        self._refresh()

    def value(self) -> list[BeadSource]:
        """Return what is ticked, from the top of the list."""
        return [source for row, source in enumerate(self._sources) if self._is_ticked(row)]

    def setValue(self, sources: Sequence[BeadSource]) -> None:
        """Tick these and no others; files that are not in the list are added to it."""
        self._sources += [source for source in sources if source.path is not None and source not in self._sources]
        self._fill([source for source in self._sources if source in sources], self.shown())
        self.valueChanged.emit()

    def shown(self) -> BeadSource | None:
        """Return the marked source; None where the list is empty."""
        row = self._list.currentRow()
        return self._sources[row] if 0 <= row < len(self._sources) else None

    def addFiles(self, paths: Sequence[str | Path]) -> None:
        """Add files, ticked, and mark the first."""
        known = [source.path for source in self._sources]
        fresh = dict.fromkeys(Path(path) for path in paths if Path(path) not in known)
        added = [BeadSource(path=path) for path in fresh]
        if added:
            ticked = self.value()
            self._sources += added
            self._fill([*ticked, *added], added[0])
            self.valueChanged.emit()
            self.shownChanged.emit()

    def refusal(self) -> str:
        """Return why there can be no calibration; empty where there can."""
        return "" if self.value() else "Tick at least one image of beads, or add files."

    def sizeHint(self) -> QSize:
        """Return a width that does not depend on the names in the list."""
        return QSize(0, super().sizeHint().height())

    def _refresh(self, event: Any = None) -> None:
        before_ticked, before_shown = self.value(), self.shown()
        layers = [layer for layer in self._viewer.layers if may_show_beads(layer)]
        files = [source for source in self._sources if source.path is not None]
        self._sources = [self._source_of(layer) for layer in layers] + files
        ticked = [source for source in before_ticked if source in self._sources]
        usable = [source for source in self._sources if not source.refusal]
        if not ticked and usable:
            ticked = self._suggestion(usable)
        shown = before_shown if before_shown in self._sources else next(iter(ticked or self._sources), None)
        self._fill(ticked, shown)
        # Not for every layer that comes, goes or is renamed: those of the docks do so all the time.
        if self.value() != before_ticked:
            self.valueChanged.emit()
        if shown is not before_shown:
            self.shownChanged.emit()

    def _source_of(self, layer: Layer) -> BeadSource:
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        known = (source for source in self._sources if source.layer is not None and source.layer == layer)
        return next(known, None) or BeadSource(layer=layer)

    def _suggestion(self, usable: list[BeadSource]) -> list[BeadSource]:
        """Find the selected layers that can be used, else the only one that there is."""
        selected = [source for source in usable if source.layer in self._viewer.layers.selection]
        return selected or (usable if len(usable) == 1 else [])

    def _fill(self, ticked: Sequence[BeadSource], shown: BeadSource | None) -> None:
        with QSignalBlocker(self._list):
            self._list.clear()
            for source in self._sources:
                item = QListWidgetItem(source.name)
                usable = not source.refusal
                item.setFlags(
                    Qt.ItemFlag.ItemIsSelectable
                    | Qt.ItemFlag.ItemIsEnabled
                    | (Qt.ItemFlag.ItemIsUserCheckable if usable else Qt.ItemFlag.NoItemFlags)
                )
                if usable:
                    item.setCheckState(Qt.CheckState.Checked if source in ticked else Qt.CheckState.Unchecked)
                item.setToolTip(source.refusal or (str(source.path) if source.path is not None else source.name))
                self._list.addItem(item)
            self._list.setCurrentRow(self._sources.index(shown) if shown in self._sources else -1)
        self._explain()

    def _is_ticked(self, row: int) -> bool:
        item = self._list.item(row)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def _ticked(self) -> None:
        self.valueChanged.emit()

    def _marked(self) -> None:
        self._explain()
        self.shownChanged.emit()

    def _explain(self) -> None:
        shown = self.shown()
        self._reason.say(shown.refusal if shown is not None else "", "warning")
        self._remove.setEnabled(shown is not None and shown.path is not None)

    def _ask_for_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Images of beads", "", FILE_FILTER)
        self.addFiles(paths)

    def _remove_file(self) -> None:
        shown = self.shown()
        if shown is not None and shown.path is not None:
            ticked = [source for source in self.value() if source is not shown]
            self._sources.remove(shown)
            self._fill(ticked, next(iter(self._sources), None))
            self.valueChanged.emit()
            self.shownChanged.emit()
