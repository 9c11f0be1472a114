"""A button that opens the page on what one is looking at."""

from __future__ import annotations

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QKeySequence, QShortcut, QTextDocument
from qtpy.QtWidgets import QDialog, QTextBrowser, QToolButton, QVBoxLayout, QWidget

from napari_deepblur.widgets.project import page_address, page_file

_WIDTH, _HEIGHT = 48, 36
"""Of the window of a page, in heights of the letters."""


class HelpButton(QToolButton):
    """Open a page of the documentation: on the project's site, or, where the package names none, in a window.

    Parameters
    ----------
    page
        Name of the page, as "deblur".
    about
        What it is about, for the tooltip.
    parent
        F1 anywhere in it is this button.
    """

    def __init__(self, page: str, about: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._page = page
        self._window: PageWindow | None = None
        self._dock = parent
        self.setObjectName("help")
        self.setText("?")
        self.setToolTip(f"Open the page on {about} (F1).")
        self.setAccessibleName(f"Help on {about}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._key = QShortcut(QKeySequence(Qt.Key.Key_F1), parent)
        self._key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._key.activated.connect(self.click)
        self.clicked.connect(self._open)

    def _open(self) -> None:
        address = page_address(self._page)
        if not (address and QDesktopServices.openUrl(QUrl(address))):
            self._window = self._window or PageWindow(self._dock)
            self._window.open_page(self._page)


class PageWindow(QDialog):
    """A page of the documentation, with links to the others.

    Parameters
    ----------
    parent
        What it stands before.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("napari-deepblur help")
        self._text = QTextBrowser(self)
        self._text.setObjectName("page")
        self._text.setAccessibleName("Page of the documentation")
        self._text.setOpenExternalLinks(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)
        letter = self.fontMetrics().height()
        self.resize(_WIDTH * letter, _HEIGHT * letter)

    def open_page(self, page: str) -> None:
        """Show a page, or say that it is missing."""
        file = page_file(page)
        if file is None:
            self._text.setPlainText(
                f"The page {page} was not installed with the program. Install napari-deepblur again, or read "
                f"docs/{page}.md in its source."
            )
        else:
            self._text.setSource(QUrl.fromLocalFile(str(file)), QTextDocument.ResourceType.MarkdownResource)
        self.show()
        self.raise_()
