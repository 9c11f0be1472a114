"""What all results of beads look like: findings below each other, and buttons in two columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari_deepblur.calibration import Finding
    from napari_deepblur.widgets.notice import Level

_LEVELS: dict[str, Level] = {"good": "good", "warning": "warning", "bad": "error"}


class Answers:
    """Notices that say findings, as many as there are at most.

    Parameters
    ----------
    parent
        Parent widget.
    layout
        Where they stand.
    name
        Of the notices, which are numbered.
    most
        How many findings there are at most.
    """

    def __init__(self, parent: QWidget, layout: QVBoxLayout, name: str, most: int) -> None:
        self._notices = [Notice(parent) for _ in range(most)]
        for place, notice in enumerate(self._notices):
            notice.setObjectName(f"{name}_{place}")
            layout.addWidget(notice)

    def say(self, findings: Sequence[Finding]) -> None:
        """Show findings; the other notices are empty."""
        for place, notice in enumerate(self._notices):
            if place < len(findings):
                notice.say(f"{findings[place].title}: {findings[place].words}", _LEVELS[findings[place].level])
            else:
                notice.clear()


def button_grid(parent: QWidget, buttons: Iterable[tuple[str, str, str, Callable[[], object]]]) -> QGridLayout:
    """Return buttons in two columns, each of a name, a title, a tooltip, and what it does."""
    grid = QGridLayout()
    for place, (name, title, tooltip, action) in enumerate(buttons):
        button = QPushButton(title, parent)
        button.setObjectName(name)
        button.setToolTip(tooltip)
        button.clicked.connect(action)
        grid.addWidget(button, place // 2, place % 2)
    return grid
