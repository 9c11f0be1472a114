"""The preview of the beads: found in the background, shown in the viewer, decided on by clicks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.calibration import Reason
from napari_deepblur.widgets.calibration.bead_detection import (
    CLICK_PIXELS,
    Decision,
    State,
    detect,
    judge,
    with_decisions,
)
from napari_deepblur.widgets.calibration.bead_form import BeadChoice
from napari_deepblur.widgets.calibration.bead_layer import BeadLayer
from napari_deepblur.widgets.calibration.bead_picture import BeadPicture
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.latest import Latest
from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.calibration import BeadTable
    from napari_deepblur.calibration.calibrate import Override
    from napari_deepblur.widgets.calibration.bead_detection import (
        Detected,
        ShownBeads,
    )
    from napari_deepblur.widgets.calibration.bead_sources import BeadSource

_BELOW = 20.0
"""How far below the threshold that the noise suggests the slider reaches; fainter spots are nothing but noise."""

_HELP = (
    "Rings: green used, red rejected (the status bar says why). Click a ring to decide by hand: blue used, orange "
    "excluded; click again to leave it to the program."
)


class BeadPreview(QWidget):
    """Show the beads of one source, and keep what the user decided about those of every source.

    Parameters
    ----------
    viewer
        The napari viewer.
    parent
        Parent widget.
    """

    detected = Signal(float, float, float)
    """Smallest and largest response of the spots, and the threshold that the noise suggests."""
    decided = Signal()
    """The user has decided about a bead."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source: BeadSource | None = None
        self._choice = BeadChoice()
        self._size_um = 1.0
        self._beads: ShownBeads | None = None
        self._decisions: dict[BeadSource, list[Decision]] = {}
        self._found: dict[BeadSource, tuple[Any, Detected]] = {}
        self._tables: dict[BeadSource, BeadTable] = {}
        self._layer = BeadLayer(viewer, self)
        self._picture = BeadPicture(viewer)
        self._latest = Latest(self)
        self._count = Notice(self)
        self._count.setObjectName("bead_count")
        self._help = Notice(self)
        self._toggle = QPushButton("Toggle selected", self)
        self._toggle.setObjectName("toggle_beads")
        self._toggle.setToolTip("Decide by hand about the points that are selected in the layer of beads.")
        self._forget = QPushButton("Forget decisions", self)
        self._forget.setObjectName("forget_decisions")
        self._forget.setToolTip("Leave all beads of this image to the program again.")
        buttons = QHBoxLayout()
        buttons.addWidget(self._toggle)
        buttons.addWidget(self._forget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._count)
        layout.addLayout(buttons)
        layout.addWidget(self._help)
        self._help.say(_HELP)
        # Bound methods: PySide6 would keep functions that know this object for good.
        self._layer.clicked.connect(self._toggle_one)
        self._toggle.clicked.connect(self._toggle_selected)
        self._forget.clicked.connect(self._forget_decisions)
        self._latest.ready.connect(self._show)
        self._latest.failed.connect(self._failed)
        self._enable()

    def value(self) -> ShownBeads | None:
        """Return the beads that are shown."""
        return self._beads

    def setValue(self, source: BeadSource | None, choice: BeadChoice, size_um: float) -> None:
        """Show the beads of a source, as soon as they are found.

        Parameters
        ----------
        source
            A layer or file; None shows nothing new.
        choice
            Which spots count as beads. Another choice makes the tables of `setTables` void.
        size_um
            Side of a pixel, for files.
        """
        if choice != self._choice:
            self._tables.clear()
        self._source, self._choice, self._size_um = source, choice, size_um
        self._update()

    def setTables(self, tables: dict[BeadSource, BeadTable]) -> None:
        """Show what a calibration said about the beads of each source, in place of the preview."""
        self._tables = dict(tables)
        self._update()

    def overrides(self, sources: Sequence[BeadSource]) -> list[Override]:
        """Return the decisions about the beads of these sources as `calibrate` takes them."""
        return [
            (index, decision.row, decision.column, decision.used)
            for index, source in enumerate(sources)
            for decision in self._decisions.get(source, [])
        ]

    def toggle(self, indices: Sequence[int]) -> None:
        """Decide by hand about some of the beads that are shown, or take the decision back."""
        source, beads = self._source, self._beads
        if source is None or beads is None:
            return
        decisions = self._decisions.setdefault(source, [])
        # The user may have added points to the layer.
        indices = [index for index in indices if index < len(beads.points)]
        at_border = [index for index in indices if beads.reasons[index] == Reason.BORDER]
        for index in indices:
            if index in at_border:
                continue
            row, column = (float(value) for value in beads.points[index])
            near = [d for d in decisions if abs(d.row - row) + abs(d.column - column) <= CLICK_PIXELS]
            for decision in near:
                decisions.remove(decision)
            if not near:
                used = beads.states[index] in (State.REJECTED, State.EXCLUDED)
                decisions.append(Decision(row, column, used))
        if at_border:
            self._count.say("A bead near the border has no whole patch, and cannot be used.", "warning")
        if len(at_border) < len(indices):
            self._update()
            self.decided.emit()

    def is_busy(self) -> bool:
        """Tell whether beads are being looked for."""
        return self._latest.is_busy()

    def stop(self) -> None:
        """Look for no more beads, and take those away that nothing but this preview has found."""
        self._latest.drop()
        if not self._tables:
            self._layer.close()

    def _toggle_one(self, index: int) -> None:
        self.toggle([index])

    def _toggle_selected(self) -> None:
        self.toggle(self._layer.selected())

    def _update(self) -> None:
        self._enable()
        source, choice = self._source, self._choice
        if source is None or source.refusal:
            self._latest.drop()
            self._count.clear()
            # Rings on another image would be taken for its beads.
            self._beads = None
            self._layer.close()
            self._enable()
            return
        decisions = list(self._decisions.get(source, []))
        table = self._tables.get(source)
        if table is not None:
            self._latest.drop()
            self._display(source, with_decisions(table.points, table.reason, decisions), "after calibration")
            return
        data = source.data()
        before, known = self._found.get(source, (None, None))
        # The array of a layer may have been replaced.
        if before is not data and not source.path:
            known = None
        self._count.say("Looking for beads…")

        def look() -> tuple[BeadSource, Any, Detected, ShownBeads]:
            found = known or detect(data)
            return source, data, found, judge(found, choice, decisions)

        self._latest.request(look)

    def _show(self, answer: tuple[BeadSource, Any, Detected, ShownBeads]) -> None:
        source, data, found, beads = answer
        # Only one: stacks of beads are large.
        self._found = {source: (data, found)}
        response = found.spots.response
        self._display(source, beads, "so far")
        self._picture.setValue(source, found.stack, self._size_um)
        if len(response):
            low = max(float(response.min()), found.automatic / _BELOW)
            self.detected.emit(low, float(response.max()), found.automatic)

    def _display(self, source: BeadSource, beads: ShownBeads, when: str) -> None:
        self._beads = beads
        used = sum(state in (State.KEPT, State.USED) for state in beads.states)
        self._count.say(f"{used} of {len(beads.points)} beads usable {when}.")
        self._layer.setValue(beads, source.name, source.placement(self._size_um))
        self._layer.setImage(source.layer)
        self._enable()

    def _failed(self, error: Exception) -> None:
        self._beads = None
        self._count.say(told(error), "warning")

    def _forget_decisions(self) -> None:
        if self._source is not None and self._decisions.get(self._source):
            del self._decisions[self._source]
            self._update()
            self.decided.emit()

    def _enable(self) -> None:
        self._toggle.setEnabled(self._beads is not None)
        self._forget.setEnabled(bool(self._source is not None and self._decisions.get(self._source)))
