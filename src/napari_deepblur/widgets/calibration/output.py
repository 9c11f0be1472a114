"""Where a calibration goes: into files, and into the Deblur dock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_deepblur.errors import DeepblurError
from napari_deepblur.io.output import replacing
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.opening import dock_in

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.calibration import BeadTable
    from napari_deepblur.optics import Microscope
    from napari_deepblur.widgets.notice import Level


class Keeper:
    """Writes what a dock has found, and says so, or why not.

    Parameters
    ----------
    parent
        What its dialogs stand before.
    folder
        Returns the folder that it offers.
    say
        Shows a message, with how serious it is.
    """

    def __init__(self, parent: QWidget, folder: Callable[[], Path], say: Callable[[str, Level], None]) -> None:
        self._parent, self._folder, self._say = parent, folder, say

    def say(self, words: str) -> None:
        """Show a message."""
        self._say(words, "note")

    def keep(self, title: str, name: str, kinds: str, write: Callable[[Path], object], what: str) -> Path | None:
        """Ask for a file, write it, and say so, or why not; None where it was not written."""
        path = ask_for_file(self._parent, title, self._folder() / name, kinds)
        if path is None:
            return None
        try:
            write(path)
        except DeepblurError as error:
            self._say(str(error), "error")
            return None
        self._say(f"Wrote {what} to {path}.", "note")
        return path


class SavedFile:
    """The file of a result: what works with it alone asks for one, and again where it has gone.

    Parameters
    ----------
    save
        Asks for a file and writes it; None where it was not written.
    """

    def __init__(self, save: Callable[[], Path | None]) -> None:
        self._save = save
        self._path: Path | None = None

    def forget(self) -> None:
        """Belong to another result, which has no file yet."""
        self._path = None

    def save(self) -> None:
        """Write the result."""
        self._path = self._save() or self._path

    def needed(self) -> Path | None:
        """Return the file, after asking for one if there is none; None if there is none then."""
        if self._path is None or not self._path.exists():
            self._path = None
            self.save()
        return self._path

    def title(self, otherwise: str) -> str:
        """Return its name without suffix, or other words where there is none."""
        return otherwise if self._path is None else self._path.stem


def ask_for_file(parent: QWidget, title: str, suggestion: Path, kinds: str) -> Path | None:
    """Ask where to write.

    Parameters
    ----------
    parent
        What the dialog stands before.
    title
        Of the dialog.
    suggestion
        The file that is offered; its suffix is that of a name without one.
    kinds
        Filter of the dialog.

    Returns
    -------
    Path or None
        None where the user thought better of it.
    """
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(suggestion), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix else path.with_suffix(suggestion.suffix)


def write_table(table: BeadTable, path: Path) -> None:
    """Write a table of beads as CSV; raises `OutputError` if that cannot be done."""
    with replacing(path) as partial:
        partial.write_text(table.as_csv(), encoding="utf-8")


def write_report(page: str, path: Path) -> None:
    """Write a page of HTML; raises `OutputError` if that cannot be done."""
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def use_in_deblur(viewer: Viewer, file: Path, microscope: Microscope | None, as_volume: bool = False) -> None:
    """Choose a family in the Deblur dock, which is opened if it is not.

    Parameters
    ----------
    viewer
        Whose dock it is.
    file
        Of the family.
    microscope
        Of the family, which then stands in the form too.
    as_volume
        Choose that stacks are deblurred as volumes, where the image is one.
    """
    holder, opened = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur", tabify=True)
    dock = dock_in(opened)
    assert isinstance(dock, DeblurDock)
    chosen: dict[str, Any] = {"family": str(file), "origin": (0, 0)}
    if microscope is not None:
        # Whoever calibrated has stated it.
        chosen |= {"microscope": microscope, "assumed": ()}
    try:
        settings = dock.value().replace(**chosen, channel_wavelengths_um=None)
    except DeepblurError:
        # What stood in its forms made no sense: it is replaced.
        settings = DeblurSettings(**chosen)
    dock.setValue(settings)
    if as_volume:
        dock.chooseVolume()
    holder.show()
    holder.raise_()
