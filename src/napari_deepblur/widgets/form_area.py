"""A scrolling column of forms."""

from __future__ import annotations

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)


class FormArea(QScrollArea):
    """Forms below one another, with their labels in one column.

    As wide as its contents, so that it scrolls only up and down. The wheel scrolls, and changes a number or a choice
    only where the user has clicked it first.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._forms: list[QWidget] = []
        self._contents = QWidget(self)
        self._column = QVBoxLayout(self._contents)
        self._column.addStretch(1)
        self.setWidget(self._contents)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def addForm(self, form: QWidget) -> None:
        """Append a form."""
        self._column.insertWidget(self._column.count() - 1, form)
        self._forms.append(form)
        for field in form.findChildren(QWidget):
            if isinstance(field, (QAbstractSpinBox, QComboBox)):
                field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                field.installEventFilter(self)

    def setFormsEnabled(self, enabled: bool) -> None:
        """Allow or forbid changes in all forms."""
        for form in self._forms:
            form.setEnabled(enabled)

    def scrollDown(self) -> None:
        """Show the last form."""
        bar = self.verticalScrollBar()
        if bar is not None:
            bar.setValue(bar.maximum())

    def scrollTo(self, part: QWidget) -> None:
        """Bring a part of the column to the top of what is seen."""
        # What was shown or hidden just now has its place only once the layouts have heard of it.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        bar = self.verticalScrollBar()
        if bar is not None:
            bar.setValue(part.mapTo(self._contents, part.rect().topLeft()).y())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the wheel from fields that were not clicked."""
        if (
            event is not None
            and event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Align the labels: only now has the style sheet said how wide they are."""
        super().showEvent(event)
        self._align_labels()

    def sizeHint(self) -> QSize:
        """Return the size of the contents."""
        return self._contents.sizeHint() + QSize(self._bar_width(), 0)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the contents and the height of a few rows."""
        return QSize(self._contents.minimumSizeHint().width() + self._bar_width(), 8 * self.fontMetrics().height())

    def _bar_width(self) -> int:
        bar = self.verticalScrollBar()
        return bar.sizeHint().width() if bar is not None else 0

    def _align_labels(self) -> None:
        labels = []
        for form in self._forms:
            layout = form.layout()
            if isinstance(layout, QFormLayout):
                for row in range(layout.rowCount()):
                    item = layout.itemAt(row, QFormLayout.ItemRole.LabelRole)
                    if item is not None and isinstance(item.widget(), QLabel):
                        labels.append(item.widget())
        width = max((label.sizeHint().width() for label in labels if label is not None), default=0)
        for label in labels:
            if label is not None:
                label.setMinimumWidth(width)
        self.updateGeometry()
