"""Help opens the page on what one is looking at: of the project's site, or the one that was installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QTextBrowser, QWidget

from napari_deepblur.widgets import help_button, project
from napari_deepblur.widgets.help_button import HelpButton, PageWindow
from napari_deepblur.widgets.opening import dock_in
from tests.widgets.driving import child

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("name", "title"), [("Deblur", "The Deblur dock"), ("Bead calibration", "The Bead calibration dock")]
)
def test_each_dock_opens_its_page(qtbot: QtBot, viewer: Viewer, name: str, title: str) -> None:
    dock = dock_in(viewer.window.add_plugin_dock_widget("napari-deepblur", name)[1])
    # Its own, not that of one of its windows.
    (button,) = [found for found in dock.findChildren(HelpButton) if found.window() is dock.window()]
    qtbot.waitUntil(button.isVisible)
    assert "F1" in button.toolTip() and button.accessibleName().startswith("Help on")
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    window = dock.findChild(PageWindow)
    assert window is not None and window.isVisible()
    text = child(window, QTextBrowser, "page").toPlainText()
    assert title in text and "was not installed" not in text
    window.close()


# A screen without a window manager makes no window active by itself.
@pytest.mark.filterwarnings("ignore:.*setActiveWindow:DeprecationWarning")
def test_f1_and_the_site_that_the_package_names(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(project, "project_address", {"Documentation": "https://example.org/docs/"}.get)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True)
    form = QWidget()
    qtbot.addWidget(form)
    button = HelpButton("many", "many images", form)
    form.show()
    button.setFocus()
    QApplication.setActiveWindow(form)
    qtbot.waitUntil(button.hasFocus)
    qtbot.keyClick(button, Qt.Key.Key_F1)
    assert opened == ["https://example.org/docs/many.html"]
    assert form.findChild(PageWindow) is None
    # Where there is no browser, the page opens in a window.
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: False)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    window = child(form, PageWindow)
    page = child(window, QTextBrowser, "page")
    assert "Many images" in page.toPlainText()
    # Its links lead to the other pages.
    page.setSource(page.source().resolved(QUrl("real.md")))
    assert "real" in page.toPlainText()


def test_a_page_that_is_nowhere_is_said(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(help_button, "page_file", lambda _: None)
    holder = QWidget()
    qtbot.addWidget(holder)
    window = PageWindow(holder)
    window.open_page("deblur")
    assert "docs/deblur.md in its source" in child(window, QTextBrowser, "page").toPlainText()


def test_addresses_are_those_of_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    class Metadata:
        def get_all(self, _: str) -> list[str]:
            return ["Source, https://example.org/code", "Documentation, https://example.org/docs"]

    monkeypatch.setattr(project, "metadata", lambda _: Metadata())
    assert project.page_address("deblur") == "https://example.org/docs/deblur.html"
    assert project.project_address("Issues") == ""

    def missing(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(project, "metadata", missing)
    assert project.page_address("deblur") == ""


def test_the_pages_are_in_the_wheel() -> None:
    assert "docs/*.md" in (DOCS.parent / "setup.cfg").read_text(encoding="utf-8")
    for page in ("deblur", "calibration", "many"):
        assert project.page_file(page) == DOCS / f"{page}.md"
