"""A line of plain words under a form or below the Run button."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

Level = Literal["note", "good", "warning", "error"]

SIGNS: dict[Level, str] = {"note": "", "good": "✔ ", "warning": "⚠ ", "error": "✖ "}
"""What stands before a message of each level: colour alone is not seen by everybody."""


class Notice(QLabel):
    """A message that wraps, can be selected and copied, and takes no room while it is empty.

    Parameters
    ----------
    parent
        The widget that it belongs to.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        # What a user sends to a colleague or pastes into a search box.
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.clear()

    def say(self, message: str, level: Level = "note") -> None:
        """Show a message; the colour of each level comes from the dock's style sheet."""
        parent = self.parentWidget()
        if message and self.isHidden() and parent is not None and parent.isVisible():
            # Hidden since it was made, it is as narrow as Qt makes any widget, and would ask for the height that it has
            # there: the window would grow for it, and stay so.
            self.resize(parent.contentsRect().width(), self.height())
        self.setText(SIGNS[level] + message if message else "")
        self.setProperty("level", level)
        style = self.style()
        if style is not None:
            style.polish(self)
        self.setVisible(bool(message))

    # A scroll area asks a column of wrapped labels how high it is at its narrowest, and keeps room for that. These
    # labels answer for the width that they have.

    def hasHeightForWidth(self) -> bool:
        """Return False: the height is that of the present width."""
        return False

    def sizeHint(self) -> QSize:
        """Return the height of the text at the present width."""
        return QSize(0, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        """Return the height of the text at the present width."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Ask for another height where the width has changed."""
        super().resizeEvent(event)
        self.updateGeometry()

    def level(self) -> Level:
        """How serious the message is."""
        level: Level = self.property("level")
        return level

    def clear(self) -> None:
        """Say nothing."""
        self.say("")
