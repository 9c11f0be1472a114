"""A number that is odd is asked about, with what may be meant on a button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.plausible import in_nanometres

if TYPE_CHECKING:
    from napari_deepblur.widgets.plausible import Question


class QuestionRow(QWidget):
    """Hidden while nothing is odd.

    Parameters
    ----------
    parent
        Parent widget.
    """

    answered = Signal(str, float)
    """Name of the number, and what was meant."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._question: Question | None = None
        self._words = Notice(self)
        self._words.setObjectName("question")
        self._take = QPushButton(self)
        self._take.setObjectName("take_suggestion")
        self._take.setToolTip("Take the number that is probably meant.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._words)
        layout.addWidget(self._take)
        self._take.clicked.connect(self._answer)

    def value(self) -> Question | None:
        """Return what is asked."""
        return self._question

    def setValue(self, question: Question | None) -> None:
        """Ask; None asks nothing."""
        self._question = question
        suggestion = None if question is None else question.suggestion_um
        self._words.say("" if question is None else question.words, "warning")
        self._take.setText("" if suggestion is None else f"Take {in_nanometres(suggestion)}")
        self._take.setVisible(suggestion is not None)

    def _answer(self) -> None:
        asked = self._question
        if asked is not None and asked.suggestion_um is not None:
            self.answered.emit(asked.name, asked.suggestion_um)
