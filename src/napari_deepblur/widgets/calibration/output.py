"""Where a calibration goes: into files, and into the Deblur dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_deepblur.calibration import BeadTable
from napari_deepblur.errors import DeepblurError
from napari_deepblur.io.output import replacing
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.opening import dock_in

if TYPE_CHECKING:
    from napari.viewer import Viewer


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


def use_in_deblur(viewer: Viewer, file: Path, microscope: Microscope | None) -> None:
    """Choose a family in the Deblur dock, which is opened if it is not.

    Parameters
    ----------
    viewer
        Whose dock it is.
    file
        Of the family.
    microscope
        Of the family, which then stands in the form too.
    """
    holder, opened = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur", tabify=True)
    dock = dock_in(opened)
    assert isinstance(dock, DeblurDock)
    chosen: dict[str, Any] = {"family": str(file), "origin": (0, 0)}
    if microscope is not None:
        chosen["microscope"] = microscope
    try:
        settings = dock.value().replace(**chosen, channel_wavelengths_um=None)
    except DeepblurError:
        # What stood in its forms made no sense: it is replaced.
        settings = DeblurSettings(**chosen)
    dock.setValue(settings)
    holder.show()
    holder.raise_()
