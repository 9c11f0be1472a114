"""Make the pictures of the window that the documentation shows, from the running program.

With a display, or on a virtual one:

    xvfb-run -a -s "-screen 0 2560x1440x24" python docs/screenshots.py

For each dock the sample image is opened from the menu's command and the button is pressed; the window is saved once for
each size and theme. It uses the weights that the command line would use.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Neither the preferences of whoever runs this, nor changes to them.
os.environ["NAPARI_CONFIG"] = ""

import napari  # noqa: TID253  a script that is nothing without it
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from napari_deepblur.samples.beads import BEAD_DIAMETER_UM, BEAD_PATCH_SIZE
from napari_deepblur.widgets.calibration.bead_form import BeadChoice, BeadForm
from napari_deepblur.widgets.calibration.bead_preview import BeadPreview
from napari_deepblur.widgets.calibration.dock import CalibrationDock
from napari_deepblur.widgets.deblur.dock import DeblurDock

SIZES = {"small": (1366, 768), "large": (2560, 1440)}
THEMES = ("dark", "light")
COLOURS = 160
"""Colours of the saved files: enough for a window, and a third of the bytes."""


def main() -> None:
    """Open the windows, run the docks, and save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images", help="folder of the pictures")
    parser.add_argument("--only", choices=("deblur", "calibration"), help="one of the docks")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, make in (("deblur", deblur), ("calibration", calibrate)):
        if arguments.only in (None, name):
            make(arguments.out)


def deblur(out: Path) -> None:
    """Open the sample, deblur it, and save the window."""
    viewer, dock = open_with("sample", "Deblur")
    assert isinstance(dock, DeblurDock)
    press(dock, dock.isRunning)

    def arrange(size: str) -> None:
        # Side by side where there is room; over one another, as a user first sees them, where there is not.
        viewer.canvas.grid.enabled = size == "large"
        viewer.layers[-1].visible = size == "large"

    save_all(viewer, out, "deblur", arrange)
    viewer.close()


def calibrate(out: Path) -> None:
    """Open the sample of beads, save the window with those that were found, calibrate, and save it again."""
    viewer, dock = open_with("beads", "Bead calibration")
    assert isinstance(dock, CalibrationDock)
    beads, preview = dock.findChild(BeadForm), dock.findChild(BeadPreview)
    assert beads is not None and preview is not None
    beads.setValue(BeadChoice(diameter_um=BEAD_DIAMETER_UM, patch_size=BEAD_PATCH_SIZE))
    QTest.qWait(500)
    while preview.is_busy():
        QTest.qWait(100)
    save_all(viewer, out, "beads", sizes=("small",))
    press(dock, dock.isRunning)
    save_all(viewer, out, "calibration")
    viewer.close()


def open_with(sample: str, dock: str) -> tuple[napari.Viewer, Any]:
    """Open a window with a sample and a dock."""
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.open_sample("napari-deepblur", sample)
    viewer.canvas.overlays.scale_bar.visible = True
    _, widget = viewer.window.add_plugin_dock_widget("napari-deepblur", dock)
    # Where there is little room: a dock scrolls to its results then.
    viewer.window._qt_window.resize(*SIZES["small"])
    QTest.qWait(500)
    return viewer, widget


def press(dock: DeblurDock | CalibrationDock, is_running: Callable[[], bool]) -> None:
    """Press the button, and wait for the result."""
    button = dock.findChild(QPushButton, "run")
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.qWait(200)
    while is_running():
        QTest.qWait(100)


def save_all(
    viewer: napari.Viewer,
    out: Path,
    name: str,
    arrange: Callable[[str], None] = lambda _: None,
    sizes: tuple[str, ...] = tuple(SIZES),
) -> None:
    """Save the window in both themes and several sizes."""
    for theme in THEMES:
        viewer.theme = theme
        for size in sizes:
            viewer.window._qt_window.resize(*SIZES[size])
            arrange(size)
            QTest.qWait(500)
            viewer.reset_view()
            save(viewer, out / f"{name}-{theme}-{size}.png")


def save(viewer: napari.Viewer, path: Path) -> None:
    """Save the whole window as a small PNG file."""
    QTest.qWait(500)
    window = Image.fromarray(viewer.window.screenshot(canvas_only=False, flash=False)).convert("RGB")
    window.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {window.width} x {window.height}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
